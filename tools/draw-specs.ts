/** Picks specs at random from a git repository of specs, and writes them to a folder for `make test-specs`. */
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { run, runOrThrow } from '@copr/process/run'
import { debianSourceVersions } from '@copr/testkit/samples/debian-source'
import { debianSourceOf } from './specs/debian-names.ts'
import { drawSpecs } from './specs/draw.ts'
import { fetchTarball, SPECS_CACHE } from './specs/tarball.ts'

/**
 * Packages with small tarballs build within a minute. A large tarball would test little more, because most of its contents are compiled or
 * copied in the same way.
 */
const MAX_TARBALL_BYTES = 3 * 1024 ** 2
const USAGE = `Usage: node tools/draw-specs.ts --from <git directory> --commit <commit> --seed <text> --into <folder> <family>=<count>...

Draws specs whose Debian source package has the same name and version, and that need no file but the
tarball, which the mirror must have and which has at most 3 MiB; writes them and draw.json into the folder. Families are languages (perl, python, rubygem,
R, ghc, rust, golang, ocaml, php) and other.
`
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    from: { type: 'string' },
    commit: { type: 'string' },
    seed: { type: 'string' },
    into: { type: 'string' },
  },
})
const { from, commit, seed, into } = values
const counts = Object.fromEntries(
  positionals.map((word): [string, number] => {
    const [family = '', count = ''] = word.split('=')
    return [family, Number(count)]
  }),
)
const isComplete = from && commit && seed && into && positionals.length > 0
if (!isComplete || Object.values(counts).some((count) => !Number.isInteger(count) || count < 1)) {
  process.stderr.write(USAGE)
  process.exitCode = 2
} else {
  await writeDraw({ from, commit, seed, into, counts })
}

interface DrawRequest {
  from: string
  commit: string
  seed: string
  into: string
  counts: Record<string, number>
}

/** Writes as many specs of each family as requested; skips specs whose tarball is large or not on the mirror. */
async function writeDraw({
  from: repository,
  commit: of,
  seed: by,
  into: folder,
  counts: wanted,
}: DrawRequest): Promise<void> {
  const debian = await debianSourceVersions(SPECS_CACHE)
  const specs = await readSpecs(repository, of)
  const draw = drawSpecs(specs, debian, by)
  const names: string[] = []
  const passedOver: string[] = []
  const total = Object.values(wanted).reduce((sum, count) => sum + count, 0)
  const scratch = await mkdtemp(join(tmpdir(), 'draw-'))
  await mkdir(folder, { recursive: true })
  for (const [family, count] of Object.entries(wanted)) {
    const enough = names.length + count
    for (const name of draw.get(family) ?? []) {
      if (names.length === enough) break
      const source = debianSourceOf(name, debian)?.name ?? name
      const tarball = await fetchTarball(source, join(scratch, name))
      if (!(await isSmall(tarball))) passedOver.push(name)
      else {
        names.push(name)
        await writeFile(join(folder, `${name}.spec`), specs.get(name) ?? '')
        process.stdout.write(`[${names.length}/${total}] ${name}\n`)
      }
    }
  }
  await rm(scratch, { recursive: true })
  const candidates = Object.fromEntries([...draw].map(([family, { length }]) => [family, length]))
  const record = {
    from: basename(repository),
    commit: of,
    seed: by,
    counts: wanted,
    candidates,
    names,
    passedOver,
  }
  await writeFile(join(folder, 'draw.json'), `${JSON.stringify(record, undefined, 1)}\n`)
  process.stdout.write(
    `Drew ${names.length} of ${specs.size} specs into ${folder}, and passed over ${passedOver.length} without a tarball of at most 3 MiB; candidates: ${JSON.stringify(candidates)}\n`,
  )
}

async function isSmall(tarball: string | undefined): Promise<boolean> {
  return tarball !== undefined && (await stat(tarball)).size <= MAX_TARBALL_BYTES
}

/** Returns the specs of a commit, each under its name. The largest files may be missing from a snapshot of the repository. */
async function readSpecs(repository: string, of: string): Promise<Map<string, string>> {
  const git = ['-C', repository]
  const chunks: Buffer[] = []
  await runOrThrow('git', [...git, 'ls-tree', '-r', '-z', of], {
    onOutput: (chunk) => chunks.push(chunk),
  })
  const entries = Buffer.concat(chunks)
    .toString('utf8')
    .split('\0')
    .flatMap((line) => {
      const [, object, path] = /^100\d+ blob ([0-9a-f]+)\t(.*\.spec)$/.exec(line) ?? []
      return object && path ? [{ object, name: basename(path, '.spec') }] : []
    })
  const blobs: Buffer[] = []
  const input = entries.map(({ object }) => `${object}\n`).join('')
  const read = await run('git', [...git, 'cat-file', '--batch'], {
    input,
    onOutput: (chunk) => blobs.push(chunk),
  })
  if (!read.ok) throw new Error(`Cannot read the specs of ${repository}: ${read.output}`)
  const all = Buffer.concat(blobs)
  const specs = new Map<string, string>()
  let at = 0
  for (const { name } of entries) {
    const end = all.indexOf('\n', at)
    const [, kind, size] = all.toString('utf8', at, end).split(' ')
    at = end + 1
    if (kind === 'missing') continue
    specs.set(name, all.toString('utf8', at, at + Number(size)))
    at += Number(size) + 1
  }
  return specs
}
