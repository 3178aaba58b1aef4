import { realpathSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { RepoConfig } from '@copr/contract/chroot-config'
import { toolOutput } from './debian-packages.ts'

/** An enabled repository as dnf sees it, with variables expanded. */
export interface DnfRepository {
  id: string
  name: string
  baseurl: string[]
  metalink: string
  mirrorlist: string
  gpgcheck: boolean
  repo_gpgcheck: boolean
  gpgkey: string[]
  priority: number
  module_hotfixes: boolean
  /** Whether dnf skips the repository when it is unavailable. */
  skip_if_unavailable: boolean
  sslverify: boolean
  sslcacert: string
  sslclientcert: string
  sslclientkey: string
  username: string
}

/** Prints the enabled repositories with dnf 4's own library, because `dnf config-manager` needs a plugin. */
const DNF4_SCRIPT = `
import json, sys, dnf
base = dnf.Base()
base.conf.read()
base.conf.substitutions.update_from_etc('/', varsdir=base.conf.varsdir)
if not base.conf.substitutions.get('releasever'):
    base.conf.substitutions['releasever'] = sys.argv[1]
base.read_all_repos()
fields = ('id name baseurl metalink mirrorlist gpgcheck repo_gpgcheck gpgkey priority module_hotfixes '
          'skip_if_unavailable sslverify sslcacert sslclientcert sslclientkey username').split()
def plain(value):
    return value if value is None or isinstance(value, (bool, int, str)) else [str(one) for one in value]
print(json.dumps([{field: plain(getattr(repo, field, None)) for field in fields} for repo in base.repos.iter_enabled()]))
`

/**
 * Returns the enabled repositories of this machine, as dnf reports them; dnf only reads files for this. `version` is the release to use if
 * dnf 4 cannot determine it from an installed package.
 */
export async function readDnfRepositories(
  version: string,
  signal?: AbortSignal,
): Promise<DnfRepository[]> {
  const dnf = realpathSync('/usr/bin/dnf')
  const start = (await readFile(dnf, 'latin1')).slice(0, 200)
  const [interpreter, ...args] = /^#!\s*(\S[^\n]*)/.exec(start)?.[1]?.trim().split(/\s+/) ?? []
  return interpreter === undefined
    ? parseDnf5Dump(await toolOutput(dnf, ['--dump-repo-config=*'], signal))
    : parseDnf4Dump(await toolOutput(interpreter, [...args, '-c', DNF4_SCRIPT, version], signal))
}

type Fields = Record<string, unknown>

/** Parses the output of {@link DNF4_SCRIPT}; dnf may print warnings before it. */
export function parseDnf4Dump(output: string): DnfRepository[] {
  const line = output.split('\n').findLast((one) => one.startsWith('['))
  if (line === undefined)
    throw new Error(`Cannot read dnf's repositories: dnf printed ${output.slice(-300)}`)
  return (JSON.parse(line) as Fields[]).map((one) => repositoryOf(String(one['id']), one))
}

/**
 * Parses what dnf 5 prints for `dnf --dump-repo-config=*`: for each repository, a title, followed by lines of the form `option = value`.
 */
export function parseDnf5Dump(output: string): DnfRepository[] {
  const parts = output.split(/^======== "(.+?)" .*========$/m)
  const repositories: DnfRepository[] = []
  for (let index = 1; index + 1 < parts.length; index += 2) {
    const lines = (parts[index + 1] ?? '').matchAll(/^(\w+)(?:[ \t]*=[ \t]*(.*))?$/gm)
    const fields = Object.fromEntries([...lines].map(([, key = '', value = '']) => [key, value]))
    if (isOn(fields['enabled'] ?? '1')) repositories.push(repositoryOf(parts[index] ?? '', fields))
  }
  return repositories
}

function repositoryOf(id: string, fields: Fields): DnfRepository {
  const text = (key: string): string => {
    const value = fields[key]
    return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
  }
  const list = (key: string): string[] => {
    const value = fields[key]
    return Array.isArray(value)
      ? value.map(String)
      : text(key)
          .split(/[\s,]+/)
          .filter(Boolean)
  }
  return {
    id,
    name: text('name') || id,
    baseurl: list('baseurl'),
    metalink: text('metalink'),
    mirrorlist: text('mirrorlist'),
    gpgcheck: isOn(fields['pkg_gpgcheck'] ?? fields['gpgcheck']),
    repo_gpgcheck: isOn(fields['repo_gpgcheck']),
    gpgkey: list('gpgkey'),
    priority: Number(text('priority') || DEFAULT_PRIORITY),
    module_hotfixes: isOn(fields['module_hotfixes']),
    skip_if_unavailable: isOn(fields['skip_if_unavailable']),
    sslverify: isOn(fields['sslverify'] ?? '1'),
    sslcacert: text('sslcacert'),
    sslclientcert: text('sslclientcert'),
    sslclientkey: text('sslclientkey'),
    username: text('username'),
  }
}

const DEFAULT_PRIORITY = 99

function isOn(value: unknown): boolean {
  return value === true || /^(1|true|yes|on)$/i.test(typeof value === 'string' ? value : '')
}

export interface ChosenRepositories {
  repos: RepoConfig[]
  leftOut: { id: string; reason: string }[]
}

/** Chooses the repositories that make up the machine's distribution, and converts them to the format of chroots. */
export function chrootRepositories(enabled: DnfRepository[]): ChosenRepositories {
  const leftOut = enabled.flatMap((one) => {
    const reason = faultOf(one)
    return reason === undefined ? [] : [{ id: one.id, reason }]
  })
  const usable = enabled.filter((one) => faultOf(one) === undefined)
  const essential = usable.filter((one) => !one.skip_if_unavailable)
  const chosen = essential.length > 0 ? essential : usable
  for (const { id } of usable.filter((one) => !chosen.includes(one)))
    leftOut.push({ id, reason: 'this machine does without it when it does not answer' })
  return { repos: chosen.map(repoConfig), leftOut }
}

function faultOf(one: DnfRepository): string | undefined {
  if (/^copr(dep)?:/.test(one.id)) return 'it belongs to a project, not to the distribution'
  if (one.username !== '') return 'it needs a password, which a chroot cannot hold'
  if (!one.sslverify) return 'its certificate is not checked (sslverify=0)'
  const urls = [one.baseurl[0] ?? '', one.metalink, one.mirrorlist].filter(Boolean)
  if (urls.length === 0) return 'it has no address'
  if (!urls.every((url) => /^(https?|file):\/\//.test(url)))
    return 'its address is neither http, https nor file'
  return undefined
}

function repoConfig(one: DnfRepository): RepoConfig {
  const given = (['metalink', 'mirrorlist', 'sslcacert', 'sslclientcert', 'sslclientkey'] as const)
    .filter((key) => one[key] !== '')
    .map((key) => [key, one[key]])
  return {
    id: one.id.replaceAll(/[^A-Za-z0-9_.:-]/g, '_'),
    name: one.name,
    baseurl: one.baseurl[0] ?? '',
    priority: one.priority === DEFAULT_PRIORITY ? null : one.priority,
    module_hotfixes: one.module_hotfixes || null,
    gpgcheck: one.gpgcheck,
    repo_gpgcheck: one.repo_gpgcheck || null,
    gpgkey: one.gpgkey.length > 0 ? one.gpgkey.join(' ') : null,
    ...(Object.fromEntries(given) as Partial<RepoConfig>),
  }
}
