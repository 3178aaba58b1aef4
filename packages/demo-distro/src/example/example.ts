import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runOrThrow } from '@copr/process/run'
import { cachedSrpm } from './cached-srpm.ts'

const EXAMPLE_URL = new URL('hello-copr/', import.meta.url)

/** Builds the SRPM of the bundled example project, which needs no download. */
export async function makeExampleSrpm(cacheDir: string): Promise<string> {
  const dir = fileURLToPath(EXAMPLE_URL)
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  const files = entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
  return await cachedSrpm('hello-copr', cacheDir, files.toSorted(), async (sources) => {
    const tarball = join(sources, 'hello-copr-1.0.tar.gz')
    await runOrThrow('tar', [
      '-C',
      dir,
      '--owner=0',
      '--group=0',
      '-czf',
      tarball,
      'hello-copr-1.0',
    ])
    return join(dir, 'hello-copr.spec')
  })
}
