import { splitChrootName } from '@copr/contract/names'

/** An expanded repository. Owners write it as `copr://owner/dir`, or as a URL that may contain `$chroot` and `priority=`. */
export interface ExpandedRepo {
  baseurl: string
  priority: number | null
  /** Set for `copr://` repositories only. */
  copr: { owner: string; dirname: string } | undefined
}

/** Returns the ID that an additional repository has in the buildroot's configuration. */
export function repoIdOf(url: string): string {
  return url.replaceAll(/[^A-Za-z0-9]+/g, '_').replaceAll(/^_+|_+$/g, '')
}

export function parseCoprUrl(url: string): { owner: string; dirname: string } | undefined {
  const match = /^copr:\/\/([^/?]+)\/([^/?]+)\/?(\?.*)?$/.exec(url)
  if (!match) return undefined
  const [, owner = '', dirname = ''] = match
  return { owner, dirname }
}

/** Expands a repository URL for the buildroot of `chroot`; `results_url` has no trailing slash. */
export function expandRepo(
  url: string,
  { chroot, results_url }: { chroot: string; results_url: string },
): ExpandedRepo {
  const { plain, priority } = withoutPriority(url)
  const copr = parseCoprUrl(plain)
  if (copr)
    return { baseurl: `${results_url}/${copr.owner}/${copr.dirname}/${chroot}/`, priority, copr }
  const distname = splitChrootName(chroot)?.os_release ?? chroot
  const baseurl = plain.replaceAll('$chroot', chroot).replaceAll('$distname', distname)
  return { baseurl, priority, copr: undefined }
}

function withoutPriority(url: string): { plain: string; priority: number | null } {
  const found = /[?&]priority=(\d+)(?=&|$)/.exec(url)
  if (!found) return { plain: url, priority: null }
  const cut = url.slice(0, found.index) + url.slice(found.index + found[0].length)
  // If the removed parameter was the first of several, the next one now needs the `?`.
  const plain = found[0].startsWith('?') ? cut.replace('&', '?') : cut
  return { plain, priority: Number(found[1]) }
}
