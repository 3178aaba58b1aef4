import type { FailureDetails } from '@copr/contract/failure'
import type { Build, BuildChroot } from '@copr/domain/builds/build-queries'
import { html } from 'hono/html'
import { card } from '../pages/parts.ts'
import type { Html } from '../pages/view.ts'
import { resultUrl } from './present-build.ts'

/** Number of chroots whose failure is shown expanded; a build that fails in one chroot usually fails in the others for the same reason. */
const OPEN = 2

/** Shows why a build failed in each of its chroots, as far as the causes are known. */
export function failureViews(build: Build, results_url: string): Html {
  const failed = build.chroots.flatMap((chroot) =>
    chroot.failure === null ? [] : [{ ...chroot, failure: chroot.failure }],
  )
  if (failed.length === 0) return html``
  const views = failed.map((chroot, index) =>
    chrootFailure(chroot, {
      log_url: resultUrl(chroot, build, results_url),
      isOpen: index < OPEN,
    }),
  )
  return card('Why it failed', html`<div class="stack">${views}</div>`)
}

function chrootFailure(
  { name, state_reason, failure }: BuildChroot & { failure: FailureDetails },
  { log_url, isOpen }: { log_url: string | null; isOpen: boolean },
): Html {
  return html`<details class="failure" ${isOpen ? 'open' : ''}>
    <summary><strong>${name}</strong> ${label(failure)}</summary>
    <p>${state_reason}</p>
    ${failureView(failure, log_url)}
  </details>`
}

function label({ category, section }: FailureDetails): Html {
  return html`<span class="pf-v6-c-label pf-m-compact pf-m-red"
      ><span class="pf-v6-c-label__content"
        ><span class="pf-v6-c-label__text">${category}</span></span
      ></span
    >${section === null ? '' : html` in <code>${section}</code>`}`
}

/** Shows why the source package could not be made; `log_url` is the URL of the folder with the logs. */
export function sourceFailureView(failure: FailureDetails, log_url: string): Html {
  return html`<div class="failure">${label(failure)} ${failureView(failure, log_url)}</div>`
}

/** Shows the log lines around the first error, and how to fix it. */
function failureView(failure: FailureDetails, log_url: string | null): Html {
  const { hint, log, line } = failure
  const file = log !== null && log_url !== null ? html`<a href="${log_url}${log}">${log}</a>` : log
  return html`${excerptOf(failure)}
    <p>${hint}</p>
    ${line === null ? '' : html`<p class="quiet">Line ${line} of ${file}.</p>`}`
}

function excerptOf({ excerpt, line }: FailureDetails): Html {
  if (excerpt === null) return html``
  const rows = excerpt.lines.map((text, index) => {
    const number = excerpt.first_line + index
    const row = html`<span class="number">${number}</span> ${`${text}\n`}`
    return number === line ? html`<mark>${row}</mark>` : row
  })
  return html`<pre class="excerpt" tabindex="0">${rows}</pre>`
}
