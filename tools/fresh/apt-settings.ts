import { readFileSync } from 'node:fs'
import { run } from '@copr/process/run'

/** The settings of this machine's apt that affect downloads. */
export interface AptSettings {
  /** The codename of this machine's Debian release, for example `bookworm`; undefined on other distributions. */
  codename: string | undefined
  archives: { uri: string; suite: string }[]
  /** Lines for apt.conf: proxies, and the options needed for a mirror that has an old snapshot. */
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

/** Returns a command's output; empty if it fails or does not exist. */
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
 * Returns the archives from which a root of this release is installed: the archives of this machine, with the release replaced, and with
 * the main archive first. Empty if this machine does not run Debian; debootstrap then uses Debian's own archive.
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
