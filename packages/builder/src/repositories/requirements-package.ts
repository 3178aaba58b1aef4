import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { emptyPackage } from '@copr/rpm/empty-package'
import type { Requirement } from '@copr/rpm/package-info'

/**
 * Empty packages that require what a build requires, so that dnf resolves these requirements by rpm's rules instead of matching patterns.
 */
export interface RequirementsPackages {
  /** Directory of the packages on the host, which only the agent can change. */
  dir: string
  /** Paths of the packages in the sandbox, in the order of the sets of requirements. */
  paths: string[]
  /** The name of the first package; the names of the others start with it. */
  name: string
}

const VERSION = '1'
const RELEASE = '1'
const SANDBOX_DIR = '/mnt/requires'

/** Writes a package for each set of requirements into `dir`, replacing earlier ones. */
export async function writeRequirementsPackages(
  dir: string,
  sets: readonly (readonly Requirement[])[],
): Promise<RequirementsPackages> {
  await rm(dir, { recursive: true, force: true })
  await mkdir(dir)
  // A random name, so that no repository can contain a package of this name, or obsolete it.
  const name = `requires-${randomBytes(8).toString('hex')}`
  const paths: string[] = []
  for (const [i, requires] of sets.entries()) {
    const file = `${i}.rpm`
    await writeFile(
      join(dir, file),
      emptyPackage({
        name: i === 0 ? name : `${name}-${i}`,
        version: VERSION,
        release: RELEASE,
        summary: 'Requirements of a build',
        requires,
      }),
    )
    paths.push(`${SANDBOX_DIR}/${file}`)
  }
  return { dir, paths, name }
}

export function bindOf({ dir }: RequirementsPackages) {
  return { from: dir, to: SANDBOX_DIR, changes: 'forbidden' as const }
}

/**
 * Returns a line of dnf's output as readers should see it: it names the build instead of the package that carries its requirements. Returns
 * undefined for a line that is only about that package.
 */
export function withoutPackage(line: string, name: string): string | undefined {
  if (REST_OF_ROW.test(line)) return undefined
  if (!line.includes(name)) return line
  const nevra = `${name}(?:-\\d+)?-(?:0:)?${VERSION}-${RELEASE}\\.noarch(?: from @commandline)?`
  const rewritten = line
    .replaceAll(new RegExp(` is needed by ${nevra}`, 'g'), ' is needed by the build')
    .replaceAll(new RegExp(` needed by ${nevra}`, 'g'), '')
    .replaceAll(new RegExp(`package ${nevra}`, 'g'), 'the build')
  const rest = rewritten.replaceAll(new RegExp(`${nevra}|${name}(?:-\\d+)?`, 'g'), '')
  return rest !== rewritten && NOTHING_LEFT.test(rest) ? undefined : rest
}

/** Matches the rest of a row in dnf's table of packages, which is on a line of its own if the name is too long for its column. */
const REST_OF_ROW = new RegExp(`^\\s+noarch\\s+(?:0:)?${VERSION}-${RELEASE}\\s+@commandline\\s`)
/** Matches a row of dnf's table of packages, or one of its progress lines, from which the package's name was removed. */
const NOTHING_LEFT = /^\s*(?:noarch\s.*@commandline.*|(?:Installing|Verifying)\s*:\s+\d+\/\d+\s*)?$/
