import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runOrThrow } from '@copr/process/run'
import { specText } from './spec-text.ts'

/** Packages that upstream's tests require in buildroots; their contents do not matter. */
const EXTRAS = ['asciidoc', 'libarchive-devel']

/** Makes a repository of packages that the mini distribution lacks. */
export async function makeExtras(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true })
  const work = await mkdtemp(join(tmpdir(), 'copr-stand-ins-'))
  for (const name of EXTRAS) {
    const file = join(work, `${name}.spec`)
    await writeFile(file, await specText('empty', { name, version: '1', release: '1' }))
    await runOrThrow('rpmbuild', ['-bb', '--nodeps', '--define', `_topdir ${work}`, file])
  }
  await cp(join(work, 'RPMS/noarch'), dir, { recursive: true })
  await rm(work, { recursive: true })
  await runOrThrow('createrepo_c', ['--quiet', dir])
}
