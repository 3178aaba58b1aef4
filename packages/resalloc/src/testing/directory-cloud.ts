import {
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Listed, Provider, StartOrder } from '../providers/provider.ts'

interface StoredMachine {
  order: StartOrder
  state: 'running' | 'ended'
}

/** A cloud in a folder, with one file per machine. It outlives the processes that use it. */
export function directoryCloud(dir: string): Provider & { records(): StoredMachine[] } {
  const pathOf = (launch_token: string): string => join(dir, `${launch_token}.json`)
  const read = (path: string): StoredMachine =>
    JSON.parse(readFileSync(path, 'utf8')) as StoredMachine
  const records = (): StoredMachine[] =>
    readdirSync(dir)
      .filter((name) => name.endsWith('.json'))
      .map((name) => read(join(dir, name)))
  const end = (launch_token: string): void => {
    const path = pathOf(launch_token)
    if (!existsSync(path)) return
    const aside = `${path}.${process.pid}`
    writeFileSync(aside, JSON.stringify({ ...read(path), state: 'ended' }))
    // The file is replaced in one step: if the process is killed, the machine must not be lost.
    renameSync(aside, path)
  }
  const listed = ({ order, state }: StoredMachine): Listed => ({
    kind: 'machine',
    provider_id: order.launch_token,
    machine_id: order.machine_id,
    pool: order.pool,
    launch_token: order.launch_token,
    created_at: undefined,
    state,
    data: {},
  })
  return {
    records,
    account: 'folder',
    offerings: () => [{ name: 'file', price_per_hour: 0 }],
    async start(order) {
      const path = pathOf(order.launch_token)
      const aside = `${path}.${process.pid}`
      // link() makes the creation atomic and fails if the file exists.
      writeFileSync(aside, JSON.stringify({ order, state: 'running' }))
      try {
        linkSync(aside, path)
      } catch {
        if (read(path).state === 'ended')
          return { ok: false, failure: 'token_spent', message: 'It has ended' }
      } finally {
        rmSync(aside)
      }
      return { ok: true, provider_id: order.launch_token, data: {} }
    },
    async stop({ launch_token }) {
      end(launch_token)
    },
    async *list() {
      for (const record of records()) yield listed(record)
    },
    async remove({ provider_id }) {
      end(provider_id)
    },
  }
}
