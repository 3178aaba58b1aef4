import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { runOrThrow } from '../../packages/process/src/run.ts'

const PACKAGES_DIR = fileURLToPath(new URL('packages/', import.meta.url))
/** If a package's subfolder is named like an archive, it is packed into that archive. */
const ARCHIVE = /^(.+)\.(tar\.gz|tar\.xz|tar\.bz2|tar\.zst|zip|gem)$/
const TAR_OPTIONS = [
  '--sort=name',
  '--owner=0',
  '--group=0',
  '--numeric-owner',
  '--mtime=@1700000000',
]

/** A package of the corpus: a folder with its spec, its sources, and the file `expected`. */
export interface CorpusPackage {
  name: string
  spec: string
  files: Record<string, string>
  archives: Record<string, Buffer>
  expectation: Expectation
  /** The path of the file `expected`. */
  path: string
}

/** The contents of the file `expected`. */
interface Expectation {
  /** Whether the package needs the packages listed in more-packages.list. */
  needsMore: boolean
  /** Built packages that are not installed, because they conflict with other packages. */
  notInstalled: string[]
  /** Commands to run after the packages have been installed. */
  commands: string[]
  text: string
}

/** Returns the names of all packages of the corpus. */
export async function corpusNames(): Promise<string[]> {
  return (await readdir(PACKAGES_DIR)).toSorted()
}

export async function readCorpusPackage(name: string): Promise<CorpusPackage> {
  const dir = join(PACKAGES_DIR, name)
  const files: Record<string, string> = {}
  const archives: Record<string, Buffer> = {}
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) archives[entry.name] = await pack(dir, entry.name)
    else files[entry.name] = await readFile(join(dir, entry.name), 'utf8')
  }
  const { [`${name}.spec`]: spec, expected = '', ...sources } = files
  if (spec === undefined) throw new Error(`Cannot find ${name}.spec in ${dir}`)
  return {
    name,
    spec,
    files: sources,
    archives,
    expectation: parseExpectation(expected),
    path: join(dir, 'expected'),
  }
}

function parseExpectation(text: string): Expectation {
  const values = (key: string): string[] =>
    [...text.matchAll(new RegExp(`^${RegExp.escape(key)} (.+)$`, 'gm'))].map(
      ([, value = '']) => value,
    )
  return {
    needsMore: /^needs more-packages\.list$/m.test(text),
    notInstalled: values('not installed:'),
    commands: values('$'),
    text,
  }
}

/** Packs a folder into an archive whose bytes are always the same. */
async function pack(dir: string, folder: string): Promise<Buffer> {
  const [, top = '', kind] = ARCHIVE.exec(folder) ?? []
  if (kind === undefined)
    throw new Error(
      `Cannot pack ${join(dir, folder)}: its name does not end like that of an archive`,
    )
  const work = await mkdtemp(join(tmpdir(), 'copr-corpus-'))
  try {
    const from = join(dir, folder)
    const archive = join(work, folder)
    if (kind === 'gem') return await packGem(from, work)
    if (kind === 'zip') {
      await runOrThrow('cp', ['-a', from, join(work, top)])
      await runOrThrow('python3', ['-m', 'zipfile', '-c', archive, `${top}/`], { cwd: work })
    } else {
      const rename = `--transform=s,^[.]/,${top}/,`
      await runOrThrow('tar', ['-C', from, ...TAR_OPTIONS, rename, '-caf', archive, './'])
    }
    return await readFile(archive)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** A gem is a tar archive that contains the compressed specification and the compressed files. */
async function packGem(from: string, work: string): Promise<Buffer> {
  const data = join(work, 'data.tar')
  const contents = (await readdir(from)).filter((name) => name !== 'metadata')
  await runOrThrow('tar', ['-C', from, ...TAR_OPTIONS, '-cf', data, ...contents])
  const members = { 'metadata.gz': join(from, 'metadata'), 'data.tar.gz': data }
  for (const [name, path] of Object.entries(members))
    await writeFile(join(work, name), gzipSync(await readFile(path)))
  const gem = join(work, 'gem.tar')
  await runOrThrow('tar', ['-C', work, ...TAR_OPTIONS, '-cf', gem, ...Object.keys(members)])
  return await readFile(gem)
}
