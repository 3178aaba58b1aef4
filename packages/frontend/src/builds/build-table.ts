import type { BuildRow } from '@copr/domain/builds/build-summaries'
import { html } from 'hono/html'
import { duration, table, time } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { stateLabel } from '../pages/state-label.ts'
import type { Html } from '../pages/view.ts'

/** A table with a row for each build; `isOfOneProject` omits the column of the project. */
export function buildTable(
  builds: BuildRow[],
  { isOfOneProject }: { isOfOneProject: boolean },
): Html {
  const columns = [
    'Build',
    'Package',
    ...(isOfOneProject ? [] : ['Project']),
    'State',
    'Submitted',
    'Duration',
    'By',
  ]
  return table(
    'Builds',
    columns,
    builds.map((build) => [
      html`<a href="${paths.build(build)}">${build.id}</a>`,
      packageCell(build),
      ...(isOfOneProject ? [] : [projectCell(build)]),
      stateLabel(build.state),
      time(build.submitted_at),
      html`${duration(build.submitted_at, build.finished_at)}`,
      html`${build.submitter ?? '–'}`,
    ]),
  )
}

function packageCell(build: BuildRow): Html {
  if (build.package_name === null)
    return html`<span class="quiet">${build.finished_at ? 'unknown' : 'not yet known'}</span>`
  const project = { ownername: build.ownername, name: build.projectname }
  return html`<a href="${paths.package(project, build.package_name)}">${build.package_name}</a>
    <span class="quiet">${build.package_version ?? ''}</span>`
}

function projectCell(build: BuildRow): Html {
  const project = { ownername: build.ownername, name: build.projectname }
  return html`<a href="${paths.project(project)}">${build.ownername}/${build.dirname}</a>`
}
