import { readFileSync } from 'node:fs'
import { run } from '@copr/process/run'

/** The parts of this machine's apt configuration that say how packages get here. */
export interface AptSettings {
  /** The codename of this machine's Debian, `bookworm`; undefined where it is another distribution. */
  codename: string | undefined
  archives: { uri: string; suite: string }[]
  /** Lines for apt.conf: proxies, and what a mirror of an older day needs. */
  options: string[]
}

export async function readAptSettings(): Promise<AptSettings> {
  const release = readFileSync('/etc/os-release', 'utf8')
  const format = ['--format', '$(REPO_URI) $(RELEASE) $(COMPONENT)', 'Created-By: Packages']
  return {
    codename: codenameOf(release),
    archives: parseArchives(await outputOf('apt-get', ['indextargets', ...format])),
    options: transportOptions(await outputOf('apt-config', ['dump'])),
  }
}

/** Empty where there is no apt. */
async function outputOf(command: string, args: string[]): Promise<string> {
  try {
    const outcome = await run(command, args, { answer_only: true })
    return outcome.ok ? outcome.output : ''
  } catch {
    return ''
  }
}

export function codenameOf(osRelease: string): string | undefined {
  if (!/^ID="?debian"?$/m.test(osRelease)) return undefined
  return /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(osRelease)?.[1]
}

export function parseArchives(indexTargets: string): { uri: string; suite: string }[] {
  return indexTargets
    .split('\n')
    .map((line) => line.trim().split(' '))
    .filter(([, , component]) => component === 'main')
    .map(([uri = '', suite = '']) => ({ uri: uri.replace(/\/$/, ''), suite }))
}

export function transportOptions(dump: string): string[] {
  return dump.split('\n').filter((line) => /^Acquire::(https?::|Check-).+ "[^"]+";$/.test(line))
}

/**
 * The archives from which a root of this release is filled: those of this machine, for the other release, the main
 * one first. Empty where this machine is no Debian: debootstrap knows where Debian itself is.
 */
export function sourcesFor(
  { codename, archives }: AptSettings,
  wanted: string,
): { uri: string; suite: string }[] {
  if (codename === undefined) return []
  const own = archives.filter(({ suite }) =>
    ['', '-updates', '-security'].some((ending) => suite === `${codename}${ending}`),
  )
  return own
    .map(({ uri, suite }) => ({ uri, suite: suite.replace(codename, wanted) }))
    .toSorted((a, b) => a.suite.length - b.suite.length)
}
