import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { storeSuite } from '../testing/store-suite.ts'
import { directoryStore } from './directory-store.ts'

storeSuite('the results store in a folder', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'copr-store-'))
  return {
    store: directoryStore(dir),
    another: () => directoryStore(dir),
    async upload(folder, name, data) {
      await mkdir(join(dir, 'uploads', folder), { recursive: true })
      await writeFile(join(dir, 'uploads', folder, name), data)
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  }
})
