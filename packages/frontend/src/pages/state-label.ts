import type { BuildState } from '@copr/contract/states'
import { html } from 'hono/html'
import type { Html } from './view.ts'

/** The color of each state. If a new state has no color, this file does not compile. */
const COLOR: Record<BuildState, 'green' | 'red' | 'blue' | 'teal' | 'orange' | 'purple' | 'grey'> =
  {
    succeeded: 'green',
    forked: 'green',
    failed: 'red',
    running: 'blue',
    starting: 'teal',
    importing: 'purple',
    pending: 'orange',
    waiting: 'grey',
    canceled: 'grey',
    skipped: 'grey',
    unknown: 'grey',
  }

const MARK: Partial<Record<BuildState, string>> = { succeeded: '✓', forked: '✓', failed: '✗' }
/** States that soon change without any action by the user. */
const MOVING: readonly BuildState[] = ['running', 'starting', 'importing']

export function stateLabel(state: BuildState): Html {
  const moving = MOVING.includes(state) ? 'moving' : ''
  return html`<span class="pf-v6-c-label pf-m-${COLOR[state]} state ${moving}"
    ><span class="pf-v6-c-label__content"
      ><span class="pf-v6-c-label__icon" aria-hidden="true">${MARK[state] ?? '●'}</span
      ><span class="pf-v6-c-label__text">${state}</span></span
    ></span
  >`
}
