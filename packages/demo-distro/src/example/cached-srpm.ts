import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runOrThrow } from '@copr/process/run'

/** Returns the SRPM cached for these `inputs`; if there is none, calls `putSources` and builds it. */
export async function cachedSrpm(
  name: string,
  cacheDir: string,
  inputs: string[],
  putSources: (dir: string) => Promise<string>,
): Promise<string> {
  const hash = createHash('sha256')
  for (const input of inputs) hash.update(await readFile(input))
  const dir = join(cacheDir, 'samples', `${name}-${hash.digest('hex').slice(0, 12)}`)
  const found = await findSrpm(dir)
  if (found !== undefined) return found
  await mkdir(dir, { recursive: true })
  const work = await mkdtemp(`${dir}.`)
  await mkdir(join(work, 'SOURCES'), { recursive: true })
  try {
    const spec = await putSources(join(work, 'SOURCES'))
    const defines = ['--define', `_topdir ${work}`, '--define', `_srcrpmdir ${work}`]
    await runOrThrow('rpmbuild', ['-bs', '--nodeps', ...defines, spec], { env: { HOME: work } })
    const made = await findSrpm(work)
    if (made === undefined) throw new Error(`Cannot find the SRPM made from ${spec}`)
    const target = join(dir, made.slice(work.length + 1))
    await rename(made, target)
    return target
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function findSrpm(dir: string): Promise<string | undefined> {
  const entries = await readdir(dir).catch(() => [])
  const name = entries.find((entry) => entry.endsWith('.src.rpm'))
  return name === undefined ? undefined : join(dir, name)
}
