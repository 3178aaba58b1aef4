import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '@copr/process/errors'
import { runOrThrow } from '@copr/process/run'
import { buildNatively } from '../../packages/builder/src/native-engine.ts'
import {
  type BuildFixture,
  recordedContext,
} from '../../packages/builder/src/testing/build-fixture.ts'
import { debianSourceOf } from './debian-names.ts'
import { guessSourceName, literalVersion, plainBuildRequires, withVersion } from './spec-text.ts'
import { fetchTarball, withTopFolder } from './tarball.ts'
import { judge, type Judgment } from './verdict.ts'

const ARCHIVE = /\.(?:tar(?:\.\w+)?|tgz|tbz2?|txz|crate|gem|zip)$/

export interface SpecResult extends Judgment {
  name: string
  /** The upstream version of Debian's sources. */
  version: string
  seconds: number
}

export interface SpecBuilder {
  fixture: BuildFixture
  /** Debian source package → its version. */
  debian: ReadonlyMap<string, string>
  /** Everything that the packages of the mini distribution provide. */
  provided: ReadonlySet<string>
  timeoutSeconds: number
  signal: AbortSignal
  /** Receives the log of a build. */
  onLog: (name: string, log: string) => Promise<void>
}

/** Returns the names that the packages of a repository provide. */
export async function providedBy(repoDir: string): Promise<Set<string>> {
  const packages = (await readdir(repoDir)).filter((file) => file.endsWith('.rpm'))
  const provides: string[] = []
  const query = ['-qp', '--nosignature', '--qf', '[%{PROVIDENAME}\\n]']
  const paths = packages.map((file) => join(repoDir, file))
  await runOrThrow('rpm', [...query, ...paths], {
    onOutput: (chunk) => provides.push(chunk.toString('utf8')),
  })
  return new Set(provides.join('').split('\n'))
}

interface Attempt {
  failure: string | undefined
  isEngineFault: boolean
  log: string
}

/** Builds a spec using Debian's original tarball of the same upstream project. */
export async function buildSpec(
  name: string,
  text: string,
  builder: SpecBuilder,
): Promise<SpecResult> {
  const began = performance.now()
  const source = debianSourceOf(name, builder.debian)
  const result = (judgment: Judgment): SpecResult => ({
    name,
    version: source?.version ?? '',
    seconds: Math.round((performance.now() - began) / 1000),
    ...judgment,
  })
  const blame = (reason: string): SpecResult => result({ verdict: 'spec', reason })
  if (source === undefined) return blame('Debian has no source package of this name')
  // dnf would report the same, but only after half a minute on a busy machine.
  const lacking = plainBuildRequires(text).filter((one) => !builder.provided.has(one))
  if (lacking.length > 0) return result({ verdict: 'missing', reason: lacking.join(', ') })
  const dir = await mkdtemp(join(builder.fixture.dir, 'spec-'))
  try {
    const tarball = await fetchTarball(source.name, dir, builder.signal)
    if (tarball === undefined) return blame(`Debian has no original tarball of ${source.name}`)
    const hasOtherVersion = literalVersion(text) !== source.version
    const spec = hasOtherVersion ? withVersion(text, source.version) : text
    const attempt = async (lookaside: Record<string, Buffer>): Promise<Attempt> =>
      await tryBuild(name, spec, lookaside, builder)
    const bytes = await readFile(tarball)
    const guessed = guessSourceName(spec)
    let last = await attempt(guessed === undefined ? {} : { [guessed]: bytes })
    // The names of the missing sources are taken from the failed build, because only a build may expand the macros in them.
    const absent = /its sources lack (.*)$/.exec(last.failure ?? '')?.[1]?.split(', ')
    const archives = absent?.filter((one) => ARCHIVE.test(one)) ?? []
    const archive = archives[0] ?? guessed
    if (archive !== undefined && archives.length === 1) last = await attempt({ [archive]: bytes })
    const folder = /: cd: ([\w.+~-]+): No such file or directory$/m.exec(last.log)?.[1]
    if (archive !== undefined && folder !== undefined && last.log.includes('(%prep)'))
      last = await attempt({ [archive]: await withTopFolder(tarball, folder, dir) })
    return result(judge({ ...last, hasOtherVersion }))
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function tryBuild(
  name: string,
  spec: string,
  lookaside: Record<string, Buffer>,
  { fixture, timeoutSeconds, signal, onLog }: SpecBuilder,
): Promise<Attempt> {
  const dir = await mkdtemp(join(fixture.dir, 'build-'))
  const context = recordedContext(dir)
  const stop = (): void => context.abort('stopping')
  signal.addEventListener('abort', stop)
  try {
    const task = await fixture.task(spec, {
      name,
      package_name: name,
      lookaside,
      timeout_seconds: timeoutSeconds,
    })
    const options = {
      builds_dir: join(dir, 'builds'),
      cache_dir: fixture.cacheDir,
      own_disk: false,
    }
    const outcome = await buildNatively(task, context, options)
    signal.throwIfAborted()
    const failure =
      outcome.outcome === 'succeeded'
        ? undefined
        : outcome.outcome === 'failed'
          ? outcome.reason
          : outcome.outcome
    return { failure, isEngineFault: false, log: context.text() }
  } catch (error) {
    signal.throwIfAborted()
    return { failure: messageOf(error), isEngineFault: true, log: context.text() }
  } finally {
    signal.removeEventListener('abort', stop)
    await onLog(name, context.text())
    await rm(dir, { recursive: true, force: true })
  }
}
