import { REVIEW_FILE, type Review } from '@copr/contract/builder-protocol'
import { isMadeInRoot } from '@copr/contract/made-sources'
import type {
  Build,
  BuildChroot,
  BuiltPackage,
  RunningPhase,
} from '@copr/domain/builds/build-queries'
import type { Rights } from '@copr/domain/projects/project-access'
import type { Project } from '@copr/domain/projects/project-queries'
import type { Replacement } from '@copr/domain/repositories/publishing'
import type { Step } from '@copr/domain/queue/why-waiting'
import { html } from 'hono/html'
import { resultUrl, sourceDir } from './present-build.ts'
import { type BuildAction, buildActions } from './build-actions.ts'
import { buildSteps } from './build-steps.ts'
import { failureViews, sourceFailureView } from './failure-view.ts'
import { postButton } from '../pages/forms.ts'
import { lostNotice, retryNotice } from './retry-notice.ts'
import { alert, card, duration, facts, secondsText, table, time } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import { stateLabel } from '../pages/state-label.ts'
import { timeBar } from './time-bar.ts'
import type { Html, View } from '../pages/view.ts'

export interface BuildView {
  build: Build
  project: Project
  rights: Rights
  phases: RunningPhase[]
  packages: Map<number, BuiltPackage[]>
  /** The newer builds whose packages have replaced packages of this build in the repository, keyed by the ID of the build chroot. */
  replacements: Map<number, Replacement[]>
  batch_id: number | undefined
  chain_id: number | undefined
  /** The state of each unfinished step, with the reasons why it is not running; empty when the build has finished. */
  steps: Step[]
  /** The number of lost attempts after which the build fails. */
  max_attempts: number
}

/** Path of the results in links for browsers. Unlike `results_url`, it is always on this site. */
const RESULTS = '/results'

export function buildView(view: View, page: BuildView): Html {
  const { build } = page
  const isLive = build.finished_at === null
  return html`<div id="build" class="stack" ${isLive ? 'data-live=2' : ''}>
      <div class="heading">
        <h2 class="pf-v6-c-title pf-m-xl">
          Build
          ${build.id}${build.package_name ? `: ${build.package_name} ${build.package_version ?? ''}` : ''}
          ${stateLabel(build.state)}
        </h2>
        <div class="actions">${actions(view, page)}</div>
      </div>
      ${sourceFailure(build)} ${buildSteps(page)} ${sourceWait(page)}
      <div class="columns">
        <div class="stack">
          ${card('Chroots', chrootTable(page, view.now))} ${failureViews(build, RESULTS)}
        </div>
        <div class="stack">${card('About', about(page, view.now))}</div>
      </div>
    </div>
    <section id="logs" class="stack logs">${logs(build)}</section>`
}

function sourceFailure(build: Build): Html {
  if (build.fail_reason === null) return html``
  const log_url = `${sourceDir(build, RESULTS)}/`
  return alert(
    'danger',
    build.fail_reason,
    build.failure && sourceFailureView(build.failure, log_url),
  )
}

function actions(view: View, { build, project, rights }: BuildView): Html[] {
  return buildActions({ build, project, rights }).map((action) => BUTTONS[action](view, build))
}

const BUTTONS: Record<BuildAction, (view: View, build: Build) => Html> = {
  cancel: (view, build) =>
    postButton(view, {
      action: paths.cancelBuild(build),
      text: 'Cancel',
      confirm: `Cancel build ${build.id}?`,
      kind: 'secondary pf-m-danger',
    }),
  resubmit: (_, build) =>
    html`<a class="pf-v6-c-button pf-m-secondary pf-m-small" href="${paths.repeatBuild(build)}"
      >Resubmit</a
    >`,
  delete: (view, build) =>
    postButton(view, {
      action: paths.deleteBuild(build),
      text: 'Delete',
      confirm: `Delete build ${build.id} with its packages? This cannot be undone.`,
      kind: 'secondary pf-m-danger',
    }),
}

function chrootTable(
  { build, phases, packages, replacements, steps, max_attempts }: BuildView,
  now: Date,
): Html {
  if (build.chroots.length === 0)
    return html`<p class="quiet">
      ${
        build.finished_at
          ? 'None: the build finished before it had a source package.'
          : 'The chroots are chosen when the source package is available.'
      }
    </p>`
  return table(
    'Chroots',
    ['Chroot', 'State', 'Duration', 'Results'],
    build.chroots.map((chroot) => [
      html`<strong>${chroot.name}</strong>`,
      html`${stateLabel(chroot.state)} ${doing(chroot, phases)}
      ${(replacements.get(chroot.id) ?? []).map((one) => replaced(build, one))}
      ${waits(
        steps.find((step) => step.chroot === chroot.name),
        max_attempts,
      )}`,
      html`${duration(chroot.started_at, chroot.ended_at ?? (chroot.started_at && now))}
      ${chroot.seconds ? timeBar(chroot.seconds) : ''}`,
      results(build, chroot, packages.get(chroot.id) ?? []),
    ]),
  )
}

/** Shows why a queued step is waiting, and why it is being retried. */
function waits(step: Step | undefined, max_attempts: number): Html {
  const lost = step && retryNotice(step, max_attempts)
  if (step?.state !== 'queued') return lostNotice(lost)
  const { position, tries, reasons } = step
  const words = [
    ...reasons.map(({ text }) => text),
    position === null || position === 1 ? '' : `position ${position} in the queue`,
    tries > 0 && lost === undefined ? `try ${tries + 1}` : '',
  ]
  return html`${lostNotice(lost)}
    <p class="quiet">${words.filter((each) => each !== '').join('. ')}</p>`
}

/** Shows why the build of the source package is waiting; the build has no chroots yet. */
function sourceWait({ steps, max_attempts }: BuildView): Html {
  return waits(
    steps.find(({ chroot }) => chroot === null),
    max_attempts,
  )
}

/** Shows the reason for the state of a chroot, and the phase and machine of its running task. */
function doing(chroot: BuildChroot, phases: RunningPhase[]): Html {
  const task = phases.find(({ build_chroot_id }) => build_chroot_id === chroot.id)
  const words = [
    chroot.state_reason,
    task?.state === 'leased' ? task.phase : null,
    task?.state === 'leased' && task.machine ? `on ${task.machine}` : null,
  ].filter((each) => each !== null && each !== undefined && each !== '')
  return words.length === 0 ? html`` : html`<p class="quiet">${words.join(', ')}</p>`
}

/** Shows which newer build of the same version has replaced this one in the repository. */
function replaced(build: Build, { build_id, packages, is_complete }: Replacement): Html {
  const newer = html`<a href="${paths.build({ ...build, id: build_id })}">Build ${build_id}</a>`
  return is_complete
    ? html`<p class="quiet">${newer} of the same version has replaced it in the repository.</p>`
    : html`<p class="quiet">
        ${newer} has replaced packages of the same version in the repository:
        ${packages.join(', ')}.
      </p>`
}

function results(build: Build, chroot: BuildChroot, packages: BuiltPackage[]): Html {
  const url = resultUrl(chroot, build, RESULTS)
  if (url === null) return html`<span class="quiet">–</span>`
  const log = html`<a href="#log-${chroot.id}">log</a>`
  const names = [
    ...new Set(
      packages.filter(({ arch }) => !['src', 'nosrc'].includes(arch)).map(({ name }) => name),
    ),
  ]
  return html`<a href="${url}">files</a> · ${log}
    ${(chroot.reviews ?? []).map((one) => review(url, one))}
    ${names.length > 0 ? html`<p class="quiet">${names.join(', ')}</p>` : ''}`
}

/** Links to the report of a tool that has checked the packages. */
function review(url: string, { tool, errors, warnings }: Review): Html {
  const words = `${errors} ${errors === 1 ? 'error' : 'errors'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`
  return html`<p class="quiet"><a href="${url}${REVIEW_FILE[tool]}">${tool}</a>: ${words}</p>`
}

/** Lists, as labels and values, the PyPI project or the gem from which the SRPM is made; empty for other sources. */
function indexed({ source_type, source_json }: Build): [string, string][] {
  if (source_type === 'rubygems') return [['Gem', `${String(source_json['gem_name'])} (newest)`]]
  if (source_type !== 'pypi') return []
  const { pypi_package_name: name, pypi_package_version: version, spec_generator } = source_json
  return [
    [
      'PyPI project',
      `${String(name)} ${typeof version === 'string' && version !== '' ? version : '(newest)'}`,
    ],
    ['Spec generator', String(spec_generator)],
  ]
}

function about({ build, project, batch_id, chain_id }: BuildView, now: Date): Html {
  const source = build.source_json['url']
  const name = build.srpm_name
  const srpm =
    name === null
      ? html`${typeof source === 'string' && build.source_type === 'link' ? source : build.finished_at ? 'unknown' : 'not yet known'}`
      : html`<a href="${sourceDir(build, RESULTS)}/${name}">${name}</a>`
  return facts([
    ['Submitted', html`${time(build.submitted_at)} by ${build.submitter ?? 'a webhook'}`],
    ['Duration', duration(build.submitted_at, build.finished_at ?? now)],
    ['Source', srpm],
    ...indexed(build),
    ['Directory', build.dirname],
    ...(batch_id === undefined
      ? []
      : [['Batch', html`<a href="${paths.batch(batch_id)}">${batch_id}</a>`] as [string, Html]]),
    ...(chain_id === undefined
      ? []
      : [
          ['Chain', html`<a href="${paths.chain(project, chain_id)}">${chain_id}</a>`] as [
            string,
            Html,
          ],
        ]),
    ['Timeout', secondsText(build.timeout_seconds)],
    [
      'Network',
      build.enable_net === null ? 'same as the project' : build.enable_net ? 'yes' : 'no',
    ],
  ])
}

/** Renders the logs of a build. A log is loaded when it is opened, and followed while it grows. */
function logs(build: Build): Html[] {
  const { source_state, source_type, source_json } = build
  const firstFailed = build.chroots.find(({ state }) => state === 'failed')
  const source = sourceDir(build, RESULTS)
  const isFetching = ['starting', 'running'].includes(source_state)
  const isTask = source_type !== 'upload' || isMadeInRoot(source_type, source_json)
  const hasFetched = isTask && !['pending', 'waiting'].includes(source_state)
  const hasImport = ['importing', 'succeeded'].includes(source_state)
  return [
    hasFetched
      ? log({
          id: 'log-source',
          title: 'source package',
          url: `${source}/builder-live.log`,
          isRunning: isFetching,
        })
      : html``,
    hasImport
      ? log({
          id: 'log-import',
          title: 'import',
          url: `${source}/import.log`,
          isRunning: source_state === 'importing',
          isOpen: false,
        })
      : html``,
    ...build.chroots.flatMap((chroot) => {
      const url = resultUrl(chroot, build, RESULTS)
      if (url === null) return []
      const isRunning = chroot.ended_at === null
      const id = `log-${chroot.id}`
      // The log of the first failed chroot is opened, because users visit the page of a failed build to see why it failed.
      const isOpen = isRunning || chroot === firstFailed
      return [log({ id, title: chroot.name, url: `${url}builder-live.log`, isRunning, isOpen })]
    }),
  ]
}

interface Log {
  id: string
  title: string
  url: string
  isRunning: boolean
  isOpen?: boolean
}

function log({ id, title, url, isRunning, isOpen = isRunning }: Log): Html {
  return html`<details
    id="${id}"
    data-log="${url}"
    data-running="${String(isRunning)}"
    ${isOpen ? 'open' : ''}
  >
    <summary>Log: ${title}</summary>
    <p class="quiet">
      <a href="${url}">${isRunning ? 'Open as a file (still growing)' : 'Open as a file'}</a>
    </p>
    <pre class="log" tabindex="0"></pre>
  </details>`
}
