import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'

/** The header that carries a request id from component to component, so that a request can be traced through all logs. */
export const REQUEST_ID_HEADER = 'x-request-id'
const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/

export interface LogFields {
  request_id?: string
  build_id?: number
  task_id?: string
}

const storage = new AsyncLocalStorage<LogFields>()

/** Adds fields to every log line written while `work` runs, in addition to the fields of enclosing calls. */
export function withLogFields<T>(fields: LogFields, work: () => T): T {
  return storage.run({ ...storage.getStore(), ...fields }, work)
}

export function currentLogFields(): LogFields {
  return storage.getStore() ?? {}
}

/** Returns the caller's request ID if it is valid; if not, returns a new one. */
export function acceptRequestId(shown: string | null | undefined): string {
  return shown && REQUEST_ID.test(shown) ? shown : randomUUID()
}

/** The header that passes the current request id on to another component; empty outside of a request. */
export function requestIdHeader(): Record<string, string> {
  const { request_id } = currentLogFields()
  return request_id === undefined ? {} : { [REQUEST_ID_HEADER]: request_id }
}
