import type { LostCause } from '@copr/contract/builder-protocol'
import { html } from 'hono/html'
import type { Html } from '../pages/view.ts'

/** Texts that explain to packagers that the machine failed, not their build. A new cause does not compile until it has a text. */
const WORDS: Record<LostCause, string> = {
  machine_lost: 'The machine was lost',
  interrupted: 'The cloud interrupted the machine',
  disk_full: 'The disk of the machine was full',
  out_of_memory: 'The machine ran out of memory',
  setup: 'The machine could not set up the build',
}

export interface LostTry {
  /** Why the previous try was lost; null if none was. */
  readonly lost_cause: string | null
  /** How often the step was started. */
  readonly tries: number
  readonly state: 'waiting' | 'queued' | 'running'
}

/** Explains a lost try: `The cloud interrupted the machine; the build starts again, try 2 of 3`; undefined if none was lost. */
export function retryNotice(
  { lost_cause, tries, state }: LostTry,
  max_attempts: number,
): string | undefined {
  if (lost_cause === null || state === 'waiting') return undefined
  const what = WORDS[lost_cause as LostCause] ?? WORDS.machine_lost
  const isRunning = state === 'running'
  // Publishing is retried without limit.
  const number = Math.max(2, isRunning ? tries : tries + 1)
  const of = number <= max_attempts ? ` of ${max_attempts}` : ''
  return `${what}; the build ${isRunning ? 'has started' : 'starts'} again, try ${number}${of}`
}

/** Renders a retry notice, with a label and color that distinguish it from a failed build. */
export function lostNotice(words: string | undefined): Html {
  if (words === undefined) return html``
  return html`<p class="lost">
    <span class="pf-v6-c-label pf-m-yellow pf-m-compact"
      ><span class="pf-v6-c-label__content"
        ><span class="pf-v6-c-label__text">not your build's fault</span></span
      ></span
    >
    ${words}.
  </p>`
}
