import { type ChainChroot, type ChainPackage, chainReport } from '@copr/domain/chains/chain-report'
import type { Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import { Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { alert, card, empty, facts, table, time } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { stateLabel } from '../pages/state-label.ts'
import type { Html } from '../pages/view.ts'
import { projectPagesOf } from '../projects/on-project.ts'
import { projectFrame } from '../projects/project-frame.ts'

/** Serves the page of a chain: its cycles, and its packages in their build order as far as it is known. */
export function chainPages(frontend: Frontend): Hono {
  const { db } = frontend
  const app = new Hono({ strict: false })
  const { get } = projectPagesOf(app, frontend)

  get('/chain/:id{[0-9]+}', 'anyone', async (c, { view, project }) => {
    const id = Number(pathPart(c, 'id'))
    const report = await chainReport(db, id)
    if (!report || report.chain.project_id !== project.id)
      throw new CoprError('not_found', `Chain ${id} does not exist in this project`)
    const { chain, state, counts, chroots, builds } = report
    const { total, succeeded, running, waiting, failed } = counts
    const about = facts([
      ['State', state],
      [
        'Builds',
        `${succeeded} of ${total} succeeded, ${running} running, ${waiting} waiting, ${failed} failed or canceled`,
      ],
      ['Created', time(chain.created_at)],
      ['Started', time(chain.started_at)],
      ['Ended', time(chain.ended_at)],
    ])
    const unknown = builds.filter(
      ({ id: build }) =>
        !chroots.some(({ packages }) => packages.some(({ build_id }) => build_id === build)),
    )
    const content = html`<div id="chain" ${chain.ended_at === null ? 'data-live=5' : ''}>
      ${card(`Chain ${id}`, about)}
      ${total === 0 ? empty('No builds yet', html`Add builds with <code>chain_id</code>, then start the chain.`) : ''}
      ${
        unknown.length === 0
          ? ''
          : card(
              'Source packages not ready',
              html`${unknown.map((build) => html`${buildLink(project, build.id)} ${stateLabel(build.state)} `)}`,
            )
      }
      ${chroots.map((chroot) => chrootCard(project, chroot))}
    </div>`
    const trail: [string, string?][] = [['Builds', paths.builds(project)], [`Chain ${id}`]]
    const title = `Chain ${id}`
    return await c.html(projectFrame(view, project, { tab: 'builds', title, content, trail }))
  })
  return app
}

function chrootCard(project: Project, { name, packages, cycles }: ChainChroot): Html {
  const cycleAlerts = cycles.map(({ text }) => alert('danger', 'Cycle', html`${text}`))
  const sorted = packages.toSorted(
    (a, b) => (a.wave ?? Infinity) - (b.wave ?? Infinity) || a.build_id - b.build_id,
  )
  const columns = ['Wave', 'Package', 'State', 'Needs', 'Reason']
  return card(
    name,
    html`${cycleAlerts}
    ${table(
      `Packages in ${name}`,
      columns,
      sorted.map((one) => row(project, one)),
    )}`,
  )
}

/** Maximum number of dependencies that the page lists for each package. */
const MAX_NEEDS = 10

function row(project: Project, one: ChainPackage): Html[] {
  const { build_id, package_name, state, wave, needs, state_reason } = one
  const shown = needs.slice(0, MAX_NEEDS)
  const more = needs.length > shown.length ? ` and ${needs.length - shown.length} more` : ''
  return [
    html`${wave ?? '–'}`,
    html`${package_name} ${buildLink(project, build_id)}`,
    stateLabel(state),
    html`${shown.map(
      (need, i) =>
        html`${i > 0 ? ', ' : ''}<span title="${need.requirement}">${need.package_name}</span>`,
    )}${more}`,
    html`${state_reason ?? ''}`,
  ]
}

function buildLink({ ownername, name }: Project, id: number): Html {
  return html`<a href="${paths.build({ id, ownername, projectname: name })}">${id}</a>`
}
