import type { BuildRow } from '@copr/domain/builds/build-summaries'
import type { Rights } from '@copr/domain/projects/project-access'
import { isOffered, type ProjectChroot } from '@copr/domain/projects/project-chroots'
import type { Project } from '@copr/domain/projects/project-queries'
import { formatBytes } from '@copr/process/format-bytes'
import { html } from 'hono/html'
import { hubHost } from '../repo-files/repo-ids.ts'
import { buildTable } from '../builds/build-table.ts'
import { renderMarkdown } from '../pages/markdown.ts'
import { postButton } from '../pages/forms.ts'
import { card, code, empty, facts, table, time } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import type { Html, View } from '../pages/view.ts'

const FOUND_BY_PLUGIN = ['fedora', 'epel', 'rhel', 'centos-stream', 'mageia', 'opensuse']

export interface Overview {
  project: Project
  rights: Rights
  /** A notice above everything else, such as the origin of a fork. */
  notice: Html
  chroots: ProjectChroot[]
  builds: BuildRow[]
  /** Storage that the project uses, in bytes. */
  storage: number
}

export function overview(
  view: View,
  { project, chroots, builds, rights, notice, storage }: Overview,
): Html {
  const isMoving = builds.some(({ finished_at }) => finished_at === null)
  const recent =
    builds.length === 0
      ? empty('No builds yet', html`Submit a source package to start.`)
      : buildTable(builds, { isOfOneProject: true })
  return html`${notice}
    <div class="columns">
      <div class="stack">
        ${text('Description', project.description || 'The owner has not provided a description.')}
        ${project.instructions ? text('Instructions', project.instructions) : ''}
        ${card('Install packages', install(view, project, chroots))}
        <div id="builds" ${isMoving ? 'data-live=5' : ''}>${card('Recent builds', recent)}</div>
      </div>
      <div class="stack">
        ${card('Repositories', repositories(view, project, chroots))}
        ${card('About', about(project, storage))} ${actions(view, project, rights)}
        ${
          rights.delete
            ? html`<p>
                <a
                  class="pf-v6-c-button pf-m-link pf-m-danger"
                  href="${paths.deleteProject(project)}"
                  >Delete project…</a
                >
              </p>`
            : ''
        }
      </div>
    </div>`
}

function actions(view: View, project: Project, rights: Rights): Html {
  const fork = html`<a
    class="pf-v6-c-button pf-m-secondary pf-m-small"
    href="${paths.fork(project)}"
    >Fork</a
  >`
  const regenerate = postButton(view, {
    action: paths.regenerate(project),
    text: 'Regenerate repositories',
  })
  return html`<div class="actions">${view.user ? fork : ''} ${rights.edit ? regenerate : ''}</div>`
}

function text(title: string, body: string): Html {
  return card(title, renderMarkdown(body))
}

function install({ frontend }: View, project: Project, chroots: ProjectChroot[]): Html {
  const { public_url } = frontend.config
  const host = hubHost(frontend.config)
  const url = new URL(public_url)
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  const isOrdinary = url.protocol === 'https:' && url.port === ''
  const hub = [
    `[${host}]`,
    `hostname = ${host}`,
    `protocol = ${url.protocol.replace(':', '')}`,
    `port = ${port}`,
  ]
  const first = chroots.find(isOffered)
  const repo = first ? `${public_url}${paths.repoFile(project, releaseOf(first))}` : ''
  return html`<p>
      With dnf's copr
      plugin${isOrdinary ? '' : ' (run the first command once, to register this site)'}:
    </p>
    ${code(
      'enable',
      [
        ...(isOrdinary
          ? []
          : [`sudo tee /etc/dnf/plugins/copr.d/${host}.conf <<'EOF'`, ...hub, 'EOF']),
        `sudo dnf copr enable ${host}/${project.ownername}/${project.name}${chrootArgument(chroots)}`,
        'sudo dnf install PACKAGE',
      ].join('\n'),
    )}
    ${
      first
        ? html`<p>Or, without the plugin, for ${releaseOf(first)}:</p>
            ${code('enable-file', `sudo curl -o /etc/yum.repos.d/${project.ownername.replace(/^@/, 'group_')}-${project.name}.repo ${repo}`)}`
        : ''
    }`
}

/** The chroot argument of `dnf copr enable`; empty if the plugin finds the chroot itself, as it does on known distributions. */
function chrootArgument(chroots: ProjectChroot[]): string {
  const offered = chroots.filter(isOffered)
  const first = offered[0]
  const isFound = offered.some(({ os_release }) => FOUND_BY_PLUGIN.includes(os_release))
  return !first || isFound ? '' : ` ${first.name}`
}

function repositories({ frontend }: View, project: Project, chroots: ProjectChroot[]): Html {
  const base = `/results/${encodeURIComponent(project.ownername)}/${encodeURIComponent(project.name)}`
  const releases = [...Map.groupBy(chroots, releaseOf)]
  const rows = releases.map(([release, members]): Html[] => [
    html`${release}
    ${members.every(isOffered) ? '' : html`<span class="quiet">(to be removed)</span>`}`,
    html`${members.map(({ name, arch }) => html`<a href="${base}/${name}/">${arch}</a> `)}`,
    html`<a href="${paths.repoFile(project, release)}">.repo</a>`,
  ])
  const check = frontend.config.repo_gpgcheck
    ? 'Packages and metadata are signed'
    : 'Packages are signed'
  return html`${table('Repositories', ['Release', 'Files', 'For dnf'], rows)}
    <p class="help">${check} with the <a href="${base}/pubkey.gpg">project's key</a>.</p>`
}

function about(project: Project, storage: number): Html {
  return facts([
    ['Owner', html`<a href="${paths.owner(project.ownername)}">${project.ownername}</a>`],
    ['Created', time(project.created_at)],
    ...(project.homepage
      ? [
          [
            'Home page',
            html`<a href="${project.homepage}" rel="nofollow noopener">${project.homepage}</a>`,
          ] as [string, Html],
        ]
      : []),
    ...(project.contact ? [['Contact', project.contact] as [string, string]] : []),
    ['Network during builds', project.enable_net ? 'yes' : 'no'],
    ['Storage', formatBytes(storage)],
    ...(project.key_fingerprint
      ? [
          ['Key', html`<code class="fingerprint">${project.key_fingerprint}</code>`] as [
            string,
            Html,
          ],
        ]
      : []),
    ...(project.delete_after
      ? [['Will be deleted', time(project.delete_after)] as [string, Html]]
      : []),
  ])
}

function releaseOf({ os_release, os_version }: ProjectChroot): string {
  return `${os_release}-${os_version}`
}
