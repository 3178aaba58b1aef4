import type { LostCause } from '@copr/contract/builder-protocol'
import { html } from 'hono/html'
import type { Html } from '../pages/view.ts'

/** Texts that explain to packagers that the machine failed, not their build. If a new cause has no text, this file does not compile. */
const WORDS: Record<LostCause, string> = {
  machine_lost: 'The machine was lost',
  interrupted: 'The cloud interrupted the machine',
  disk_full: 'The disk of the machine was full',
  out_of_memory: 'The machine ran out of memory',
  setup: 'The machine could not set up the build',
}

export interface LostTry {
  /** Why the previous attempt was lost; null if it was not lost. */
  readonly lost_cause: string | null
  /** How often the step was started. */
  readonly tries: number
  readonly state: 'waiting' | 'queued' | 'running'
}

/**
 * Explains why an attempt was lost: `The cloud interrupted the machine; the build starts again, try 2 of 3`. Returns undefined if none was
 * lost.
 */
export function retryNotice(
  { lost_cause, tries, state }: LostTry,
  max_attempts: number,
): string | undefined {
  if (lost_cause === null || state === 'waiting') return undefined
  const what = WORDS[lost_cause as LostCause] ?? WORDS.machine_lost
  const isRunning = state === 'running'
  // A step that publishes is retried without limit, so its number may exceed the maximum.
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
