import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run, runOrThrow } from '@copr/process/run'

/**
 * Downloads the original tarballs of a Debian source package into `target`, from the archives that this machine uses. Uses a separate apt
 * configuration, so that the machine's own state does not change. With `areListsFresh`, a failed download is not retried with new package
 * lists.
 */
export async function downloadDebianSource(
  name: string,
  target: string,
  cacheDir: string,
  {
    areListsFresh = false,
    signal,
  }: { areListsFresh?: boolean; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const apt = join(cacheDir, 'apt-sources')
  const lists = join(apt, 'lists')
  const downloads = join(apt, 'downloads', name)
  const options = await writeAptSources(apt)
  await mkdir(join(lists, 'partial'), { recursive: true })
  await mkdir(downloads, { recursive: true })
  if (!(await hasTarball(downloads))) {
    const download = [...options, 'source', '--download-only', '--only-source', name]
    const settings = { cwd: downloads, ...(signal && { signal }) }
    // only the tarball matters: mirrors often lack the Debian-specific files of a source package
    const first = await run('apt-get', download, settings)
    if (!first.ok && areListsFresh && !(await hasTarball(downloads)))
      throw new Error(`Cannot download the source of ${name}: ${first.output.slice(-500)}`)
    if (!first.ok && !(await hasTarball(downloads))) {
      await runOrThrow('apt-get', [...options, 'update'], settings)
      const second = await run('apt-get', download, settings)
      if (!(await hasTarball(downloads)))
        throw new Error(`Cannot download the source of ${name}: ${second.output.slice(-500)}`)
    }
  }
  for (const file of await readdir(downloads))
    if (isTarball(file)) await copyFile(join(downloads, file), join(target, file))
}

/** Downloads the package lists of the archives that this machine uses. Returns the versions of the Debian source packages by name. */
export async function debianSourceVersions(
  cacheDir: string,
  signal?: AbortSignal,
): Promise<Map<string, string>> {
  const apt = join(cacheDir, 'apt-sources')
  const options = await writeAptSources(apt)
  const settings = signal && { signal }
  await mkdir(join(apt, 'lists', 'partial'), { recursive: true })
  await runOrThrow('apt-get', [...options, 'update'], settings)
  const targets = ['indextargets', '--format', '$(FILENAME)', 'Created-By: Sources']
  const lists = await runOrThrow('apt-get', [...options, ...targets], settings)
  const versions = new Map<string, string>()
  for (const list of lists.trim().split('\n')) {
    const chunks: Buffer[] = []
    const read = { ...settings, onOutput: (chunk: Buffer) => chunks.push(chunk) }
    await runOrThrow('/usr/lib/apt/apt-helper', ['cat-file', list], read)
    const text = Buffer.concat(chunks).toString('utf8')
    for (const stanza of text.split('\n\n')) {
      const name = /^Package: (\S+)$/m.exec(stanza)?.[1]
      const version = /^Version: (\S+)$/m.exec(stanza)?.[1]
      // the last version wins: later lists are those of updates, and later stanzas have newer versions
      if (name !== undefined && version !== undefined) versions.set(name, version)
    }
  }
  return versions
}

function isTarball(file: string): boolean {
  return /\.orig\.tar\.\w+$/.test(file)
}

async function hasTarball(dir: string): Promise<boolean> {
  // apt keeps partial downloads under another name
  return (await readdir(dir)).some(isTarball)
}

/** Rewrites the machine's own `deb` entries as `deb-src`; returns the options that make apt read only the rewritten entries. */
async function writeAptSources(dir: string): Promise<string[]> {
  const parts = join(dir, 'parts')
  await mkdir(parts, { recursive: true })
  const found = [['/etc/apt', 'sources.list']]
  for (const name of await readdir('/etc/apt/sources.list.d').catch(() => []))
    found.push(['/etc/apt/sources.list.d', name])
  for (const [from = '', name = ''] of found) {
    if (!/\.(list|sources)$/.test(name)) continue
    const text = await readFile(join(from, name), 'utf8').catch(() => '')
    await writeFile(
      join(parts, name),
      name.endsWith('.list') ? sourcesOfList(text) : sourcesOfStanzas(text),
    )
  }
  return [
    ['Dir::Etc::sourcelist', '/dev/null'],
    ['Dir::Etc::sourceparts', parts],
    ['Dir::State::Lists', join(dir, 'lists')],
    ['Dir::Cache::pkgcache', join(dir, 'pkgcache')],
    ['Dir::Cache::srcpkgcache', join(dir, 'srcpkgcache')],
    ['APT::Sandbox::User', 'root'],
    ['Debug::NoLocking', '1'],
  ].flatMap(([key, value]) => ['-o', `${key}=${value}`])
}

/**
 * Keeps only Debian's own archives, because others often have no sources. Security updates are left out: they have the same tarballs as the
 * release, and mirrors of the security archive are often incomplete.
 */
export function sourcesOfList(text: string): string {
  return text
    .split('\n')
    .filter((line) => /^deb\s/.test(line) && isWanted(line))
    .map((line) => `${line.replace(/^deb\s/, 'deb-src ')}\n`)
    .join('')
}

export function sourcesOfStanzas(text: string): string {
  return text
    .split(/\n\s*\n/)
    .filter(
      (stanza) =>
        /^Types:.*\bdeb\b/m.test(stanza) && isWanted(/^URIs:.*$/m.exec(stanza)?.[0] ?? ''),
    )
    .map((stanza) => `${stanza.replace(/^Types:.*$/m, 'Types: deb-src').trim()}\n`)
    .join('\n')
}

function isWanted(line: string): boolean {
  return line.includes('debian') && !line.includes('security')
}
