import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MACHINE_ADDRESS } from '../system/machine-address.ts'
import { type PackageIndexes, packageIndexes } from './package-indexes.ts'

/** A package index server, at an address that the sandboxes of builds can be allowed to reach. */
export interface IndexServer
  extends Pick<PackageIndexes, 'addProject' | 'addGem'>, AsyncDisposable {
  readonly url: string
}

export async function indexServer(): Promise<IndexServer> {
  const indexes = packageIndexes()
  const server = createServer(indexes.listener)
  // If MACHINE_ADDRESS is undefined, only tests in which no sandbox reads an index can run.
  const address = MACHINE_ADDRESS ?? '127.0.0.1'
  server.listen(0, address)
  await once(server, 'listening')
  return {
    url: `http://${address}:${(server.address() as AddressInfo).port}`,
    addProject: async (project) => await indexes.addProject(project),
    addGem: async (gem) => await indexes.addGem(gem),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      indexes[Symbol.dispose]()
    },
  }
}
