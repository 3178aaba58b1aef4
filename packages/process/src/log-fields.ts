import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'

/** Goes with each request from component to component, so that one can be followed through all logs. */
export const REQUEST_ID_HEADER = 'x-request-id'
const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/

export interface LogFields {
  request_id?: string
  build_id?: number
  task_id?: string
}

const storage = new AsyncLocalStorage<LogFields>()

/** All that is logged while `work` runs has these fields, beside those from further out. */
export function withLogFields<T>(fields: LogFields, work: () => T): T {
  return storage.run({ ...storage.getStore(), ...fields }, work)
}

export function currentLogFields(): LogFields {
  return storage.getStore() ?? {}
}

/** The caller's request id if it is one, otherwise a new one. */
export function acceptRequestId(shown: string | null | undefined): string {
  return shown && REQUEST_ID.test(shown) ? shown : randomUUID()
}

/** The header that passes the current request id on to another component; empty outside of a request. */
export function requestIdHeader(): Record<string, string> {
  const { request_id } = currentLogFields()
  return request_id === undefined ? {} : { [REQUEST_ID_HEADER]: request_id }
}
