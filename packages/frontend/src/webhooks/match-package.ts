import { withoutSlashes } from '@copr/contract/without-slashes'
import type { Package } from '@copr/domain/packages/package-queries'
import type { ForgeEvent } from './forge-events.ts'

type Matched = Pick<Package, 'name' | 'source_type' | 'source_json' | 'webhook_rebuild'>

/** Whether a push must build the package. `named` is the package in the webhook's URL, whose tags need not contain its name. */
export function isMatch(pack: Matched, event: ForgeEvent, named: string | undefined): boolean {
  if (pack.source_type !== 'scm' || !pack.webhook_rebuild) return false
  if (plain(textOf(pack.source_json['clone_url'])) !== plain(event.clone_url)) return false
  return event.is_tag
    ? named === pack.name || namesInTag(event.ref).includes(pack.name)
    : isChanged(pack, event)
}

function isChanged({ source_json }: Matched, { ref, changed_files }: ForgeEvent): boolean {
  const committish = textOf(source_json['committish'])
  if (committish !== '' && !ref.endsWith(committish)) return false
  const folder = withoutSlashes(textOf(source_json['subdirectory']).replace(/^[./]+/, ''))
  return changed_files.some((file) => folder === '' || file.startsWith(`${folder}/`))
}

/** Possible package names in a tag of the form `name-version` or `name-version-release`. */
export function namesInTag(tag: string): string[] {
  const parts = tag.split(/[-_]/)
  const hasDigit = (part: string | undefined): boolean => /\d/.test(part ?? '')
  const names: string[] = []
  for (const dropped of [1, 2]) {
    if (parts.length <= dropped || !parts.slice(-dropped).every(hasDigit)) break
    const rest = parts.slice(0, -dropped)
    names.push(rest.join('-'), rest.join('_'))
  }
  return names
}

function plain(url: string): string {
  return withoutSlashes(url).replace(/\.git$/, '')
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
