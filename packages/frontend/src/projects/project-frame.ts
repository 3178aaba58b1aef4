import type { Project } from '@copr/domain/projects/project-queries'
import { type Rights, rightsIn } from '@copr/domain/projects/project-access'
import { html } from 'hono/html'
import { breadcrumbs, heading, layout } from '../pages/layout.ts'
import { paths } from '../pages/paths.ts'
import type { Html, View } from '../pages/view.ts'

const TABS = [
  ['overview', 'Overview', paths.project],
  ['packages', 'Packages', paths.packages],
  ['builds', 'Builds', paths.builds],
  ['monitor', 'Monitor', paths.monitor],
  ['permissions', 'Permissions', paths.permissions],
  ['integrations', 'Integrations', paths.integrations],
  ['settings', 'Settings', paths.settings],
  ['audit', 'Changes', paths.projectAudit],
] as const

/** Decides whether a tab is shown; a tab that is not listed here is shown to everybody. */
const SHOWN: Partial<Record<Tab, (view: View, rights: Rights) => boolean>> = {
  permissions: ({ user }) => user !== undefined,
  integrations: (_, rights) => rights.edit,
  settings: (_, rights) => rights.edit,
  audit: (_, rights) => rights.edit,
}

type Tab = (typeof TABS)[number][0]

/** Renders the frame of a project's pages: breadcrumbs, actions and tabs. */
export async function projectFrame(
  view: View,
  project: Project,
  { tab, title, content, trail = [] }: ProjectFrame,
): Promise<Awaited<Html>> {
  const { ownername, name } = project
  const rights = await rightsIn(view.frontend.db, view.user, project)
  const actions = rights.build
    ? html`<a class="pf-v6-c-button pf-m-primary" href="${paths.buildFromUpload(project)}"
        >New build</a
      >`
    : undefined
  const crumbs: [string, string?][] = [
    ['Home', paths.home()],
    [ownername, paths.owner(ownername)],
    trail.length === 0 ? [name] : [name, paths.project(project)],
    ...trail,
  ]
  return layout(
    view,
    `${title} · ${ownername}/${name}`,
    html`${breadcrumbs(crumbs)} ${heading(`${ownername}/${name}`, actions)}
    ${tabs(project, tab, ([key]) => SHOWN[key]?.(view, rights) ?? true)} ${content}`,
  )
}

interface ProjectFrame {
  tab: Tab | undefined
  title: string
  content: Html
  /** Breadcrumbs after the project. */
  trail?: [string, string?][]
}

function tabs(
  project: Project,
  current: ProjectFrame['tab'],
  isShown: (tab: (typeof TABS)[number]) => boolean,
): Html {
  return html`<nav class="pf-v6-c-tabs" aria-label="Project">
    <ul class="pf-v6-c-tabs__list">
      ${TABS.filter(isShown).map(
        ([key, text, path]) =>
          html`<li class="pf-v6-c-tabs__item ${key === current ? 'pf-m-current' : ''}">
            <a
              class="pf-v6-c-tabs__link"
              href="${path(project)}"
              ${key === current ? 'aria-current=page' : ''}
            >
              <span class="pf-v6-c-tabs__item-text">${text}</span>
            </a>
          </li>`,
      )}
    </ul>
  </nav>`
}
