/** Runs a manager in a separate process that a test can kill: `node manager-child.ts DATABASE_URL CLOUD_DIR`. */
import { randomUUID } from 'node:crypto'
import { openDb } from '@copr/domain/database/open'
import { silentLog } from '@copr/process/log'
import { makeManager } from '../manager/manager.ts'
import { directoryCloud } from './directory-cloud.ts'

const [, , url = '', dir = ''] = process.argv
const POOLS = `
p: { cmd_new: new, cmd_delete: delete, arches: [x86_64], max: 10, max_starting: 10, max_prealloc: 0, silence_timeout: 3000 }
`
const manager = makeManager({
  db: openDb(url, { max_connections: 4 }),
  holder: randomUUID(),
  lease_seconds: 1,
  installation_id: 'test',
  gateway_url: 'http://gateway.example',
  agent: async () => ({ sha256: 'a', node_sha256: {} }),
  makeProvider: () => directoryCloud(dir),
  readPools: async () => POOLS,
  limits: {},
  max_attempts: 5,
  now: () => new Date(),
  log: silentLog(),
  wake: () => undefined,
})
process.send?.('up')
for (;;) {
  await manager.cycle()
  await new Promise((resolve) => setTimeout(resolve, 20))
}
