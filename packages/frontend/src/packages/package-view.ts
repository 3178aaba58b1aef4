import type { BuildRow } from '@copr/domain/builds/build-summaries'
import type { Package } from '@copr/domain/packages/package-queries'
import type { Rights } from '@copr/domain/projects/project-access'
import type { Project } from '@copr/domain/projects/project-queries'
import { isSettableSource } from '@copr/contract/api/sources'
import { html } from 'hono/html'
import { buildTable } from '../builds/build-table.ts'
import { postButton } from '../pages/forms.ts'
import { more } from '../pages/page-links.ts'
import { card, code, facts, secondsText, time } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { SOURCE_LABELS } from '../builds/source-fields.ts'
import type { Html, View } from '../pages/view.ts'

export interface PackageView {
  project: Project
  pack: Package
  rights: Rights
  builds: BuildRow[]
  hasMore: boolean
}

const LABELS = { ...SOURCE_LABELS, link: 'URL', upload: 'Upload', unset: 'None' }

export function packageView(view: View, page: PackageView): Html {
  const { project, pack, builds, hasMore } = page
  const badge = paths.packageBadge(project, pack.name)
  const { public_url } = view.frontend.config
  const markdown = `[![Copr](${public_url}${badge})](${public_url}${paths.package(project, pack.name)})`
  return html`<div class="stack">
    <div class="heading">
      <h2 class="pf-v6-c-title pf-m-xl">${pack.name} <img src="${badge}" alt="Last build" /></h2>
      <div class="actions">${actions(view, page)}</div>
    </div>
    <div class="columns">
      <div class="stack">${card('Source', source(pack))}</div>
      <div class="stack">
        ${card('Settings', settings(pack))} ${card('Badge', code('badge', markdown))}
      </div>
    </div>
    <section>${buildTable(builds, { isOfOneProject: true })}</section>
    ${more(hasMore, `?before=${builds.at(-1)?.id ?? 0}`)}
  </div>`
}

function actions(view: View, { project, pack, rights }: PackageView): Html[] {
  const { name, source_type } = pack
  const canBuild = isSettableSource(source_type)
  const link = (text: string, href: string) =>
    html`<a class="pf-v6-c-button pf-m-secondary pf-m-small" href="${href}">${text}</a>`
  const edit = paths.editPackage(project, name, canBuild ? source_type : 'scm')
  const confirm = `Delete ${name} with all its builds? This cannot be undone.`
  return [
    ...(rights.build && canBuild ? [link('Rebuild', paths.rebuildPackage(project, name))] : []),
    ...(rights.edit ? [link(canBuild ? 'Edit' : 'Set source', edit)] : []),
    ...(rights.edit && canBuild
      ? [
          postButton(view, {
            action: paths.resetPackage(project, name),
            text: 'Reset',
            confirm: `Remove the source of ${name}?`,
          }),
        ]
      : []),
    ...(rights.edit
      ? [
          postButton(view, {
            action: paths.deletePackage(project, name),
            text: 'Delete',
            confirm,
            kind: 'secondary pf-m-danger',
          }),
        ]
      : []),
  ]
}

/** Whether a source field is listed: a script is shown separately, and an uploaded file exists only until it is imported. */
function isShown(type: Package['source_type'], key: string): boolean {
  return type === 'upload' ? key === 'pkg' : key !== 'script'
}

function source({ source_type, source_json }: Package): Html {
  const known = Object.entries(source_json).filter(
    ([key, value]) => isShown(source_type, key) && value !== null && value !== '',
  )
  const script = source_json['script']
  return html`${facts([
    ['Type', LABELS[source_type]],
    ...known.map(([key, value]): [string, string] => [
      key === 'pkg' ? 'file' : key.replaceAll('_', ' '),
      Array.isArray(value) ? value.join(', ') : String(value),
    ]),
  ])}
  ${typeof script === 'string' ? html`<pre class="log">${script}</pre>` : ''}`
}

function settings(pack: Package): Html {
  return facts([
    ['Rebuilt by webhooks', pack.webhook_rebuild ? 'yes' : 'no'],
    ['Builds kept', pack.max_builds === 0 ? 'all' : `the newest ${pack.max_builds}`],
    ['Timeout', pack.timeout_seconds === 0 ? 'site default' : secondsText(pack.timeout_seconds)],
    ['Excluded chroots', pack.chroot_denylist === '' ? '–' : pack.chroot_denylist],
    ['Added', time(pack.created_at)],
  ])
}
