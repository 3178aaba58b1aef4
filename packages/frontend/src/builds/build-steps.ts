import { isMadeInRoot } from '@copr/contract/made-sources'
import type { Build, RunningPhase } from '@copr/domain/builds/build-queries'
import { html } from 'hono/html'
import { duration } from '../pages/parts.ts'
import type { Html } from '../pages/view.ts'

type StepState = 'success' | 'danger' | 'warning' | 'info' | 'pending'
interface Step {
  title: string
  state: StepState
  words: string
}

const MARK: Record<StepState, string> = {
  success: '✓',
  danger: '✗',
  warning: '–',
  info: '●',
  pending: '',
}

/** Renders the progress of a build, from left to right: submitted, source, import, build. */
export function buildSteps({ build, phases }: { build: Build; phases: RunningPhase[] }): Html {
  const words = phases.find(
    ({ build_chroot_id, state }) => build_chroot_id === null && state === 'leased',
  )
  const steps = [
    { title: 'Submitted', state: 'success' as const, words: build.submitter ?? '' },
    ...sourceSteps(build, words?.phase ?? ''),
    chrootStep(build),
  ]
  return html`<ol class="pf-v6-c-progress-stepper" role="list" aria-label="Progress">
    ${steps.map(renderStep)}
  </ol>`
}

function renderStep({ title, state, words }: Step): Html {
  const current = state === 'info' ? 'pf-m-current' : ''
  return html`<li class="pf-v6-c-progress-stepper__step pf-m-${state} ${current}" role="listitem">
    <div class="pf-v6-c-progress-stepper__step-connector">
      <span class="pf-v6-c-progress-stepper__step-icon" aria-hidden="true">${MARK[state]}</span>
    </div>
    <div class="pf-v6-c-progress-stepper__step-main">
      <div class="pf-v6-c-progress-stepper__step-title">${title}</div>
      <div class="pf-v6-c-progress-stepper__step-description">${words}</div>
    </div>
  </li>`
}

function sourceSteps(build: Build, phase: string): Step[] {
  const { source_state } = build
  const took = duration(build.source_started_at, build.source_ended_at)
  const isUpload =
    build.source_type === 'upload' && !isMadeInRoot(build.source_type, build.source_json)
  const isFetched = isUpload || build.srpm_name !== null
  const ended = endOf(source_state)
  const fetch: Step = isFetched
    ? { title: 'Source package', state: 'success', words: isUpload ? 'uploaded' : 'fetched' }
    : {
        title: 'Source package',
        state: ended ?? activeOf(source_state),
        words: phase || source_state,
      }
  const importState = isFetched ? (ended ?? activeOf(source_state)) : 'pending'
  const words =
    importState === 'success' && took !== '–' ? `took ${took}` : isFetched ? source_state : ''
  return [
    fetch,
    { title: 'Import', state: importState, words: importState === 'info' && phase ? phase : words },
  ]
}

function chrootStep({ chroots, state, source_state }: Build): Step {
  const words = chroots.length > 0 ? chrootCount(chroots) : ''
  const title = 'Build and publish'
  if (source_state !== 'succeeded') return { title, state: 'pending', words }
  return { title, state: endOf(state) ?? activeOf(state), words }
}

/** Formats the progress of chroots: `1 of 3 chroots done, 1 failed`. */
function chrootCount(chroots: Build['chroots']): string {
  const count = (...states: string[]): number =>
    chroots.filter(({ state }) => states.includes(state)).length
  const done = count('succeeded', 'forked', 'skipped')
  const failed = count('failed')
  const canceled = count('canceled')
  return [
    `${done} of ${chroots.length} ${chroots.length === 1 ? 'chroot' : 'chroots'} done`,
    failed > 0 ? `${failed} failed` : '',
    canceled > 0 ? `${canceled} canceled` : '',
  ]
    .filter((words) => words !== '')
    .join(', ')
}

function endOf(state: Build['state']): StepState | undefined {
  if (['succeeded', 'forked', 'skipped'].includes(state)) return 'success'
  if (state === 'canceled') return 'warning'
  return ['failed', 'unknown'].includes(state) ? 'danger' : undefined
}

function activeOf(state: Build['state']): StepState {
  return state === 'waiting' ? 'pending' : 'info'
}
