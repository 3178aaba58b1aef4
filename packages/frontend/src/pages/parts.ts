import { html } from 'hono/html'
import type { Html } from './view.ts'

export function card(title: string, body: Html, beside?: Html): Html {
  return html`<section class="pf-v6-c-card">
    <div class="pf-v6-c-card__header">
      <div class="pf-v6-c-card__title"><h2 class="pf-v6-c-card__title-text">${title}</h2></div>
      ${beside === undefined ? '' : html`<div class="pf-v6-c-card__actions pf-m-no-offset">${beside}</div>`}
    </div>
    <div class="pf-v6-c-card__body">${body}</div>
  </section>`
}

/** A table whose rows become cards on narrow screens. */
export function table(label: string, columns: string[], rows: Html[][]): Html {
  return html`<table
    class="pf-v6-c-table pf-m-compact pf-m-grid-md"
    role="grid"
    aria-label="${label}"
  >
    <thead class="pf-v6-c-table__thead">
      <tr class="pf-v6-c-table__tr">
        ${columns.map((column) => html`<th class="pf-v6-c-table__th" scope="col">${column}</th>`)}
      </tr>
    </thead>
    <tbody class="pf-v6-c-table__tbody">
      ${rows.map(
        (cells) =>
          html`<tr class="pf-v6-c-table__tr">
            ${cells.map(
              (cell, index) =>
                html`<td class="pf-v6-c-table__td" data-label="${columns[index] ?? ''}">
                  <div>${cell}</div>
                </td>`,
            )}
          </tr>`,
      )}
    </tbody>
  </table>`
}

export function alert(
  kind: 'danger' | 'info' | 'success' | 'warning',
  title: string,
  body?: Html | null,
): Html {
  return html`<div
    class="pf-v6-c-alert pf-m-inline pf-m-${kind}"
    role="${kind === 'danger' ? 'alert' : 'status'}"
  >
    <p class="pf-v6-c-alert__title">${title}</p>
    ${body === undefined || body === null ? '' : html`<div class="pf-v6-c-alert__description">${body}</div>`}
  </div>`
}

export function empty(title: string, body: Html): Html {
  return html`<div class="pf-v6-c-empty-state pf-m-sm">
    <div class="pf-v6-c-empty-state__content">
      <div class="pf-v6-c-empty-state__header">
        <div class="pf-v6-c-empty-state__title">
          <h2 class="pf-v6-c-empty-state__title-text">${title}</h2>
        </div>
      </div>
      <div class="pf-v6-c-empty-state__body">${body}</div>
    </div>
  </div>`
}

/** A code block with a button to copy the text. */
export function code(id: string, text: string): Html {
  return html`<div class="pf-v6-c-code-block">
    <div class="pf-v6-c-code-block__header">
      <div class="pf-v6-c-code-block__actions">
        <button class="pf-v6-c-button pf-m-link pf-m-small" type="button" data-copy="${id}" hidden>
          Copy
        </button>
      </div>
    </div>
    <div class="pf-v6-c-code-block__content">
      <pre
        class="pf-v6-c-code-block__pre"
      ><code class="pf-v6-c-code-block__code" id="${id}">${text}</code></pre>
    </div>
  </div>`
}

export function facts(items: [term: string, description: Html | string][]): Html {
  return html`<dl class="pf-v6-c-description-list pf-m-horizontal pf-m-compact">
    ${items.map(
      ([term, description]) =>
        html`<div class="pf-v6-c-description-list__group">
          <dt class="pf-v6-c-description-list__term">
            <span class="pf-v6-c-description-list__text">${term}</span>
          </dt>
          <dd class="pf-v6-c-description-list__description">
            <div class="pf-v6-c-description-list__text">${description}</div>
          </dd>
        </div>`,
    )}
  </dl>`
}

/** A time, which a script on the page replaces by text such as "5 minutes ago". */
export function time(moment: Date | null): Html {
  if (!moment) return html`<span class="quiet">–</span>`
  const text = moment.toISOString()
  return html`<time datetime="${text}">${text.slice(0, 16).replace('T', ' ')} UTC</time>`
}

export function duration(from: Date | null, to: Date | null): string {
  if (!from || !to) return '–'
  return secondsText((to.getTime() - from.getTime()) / 1000)
}

export function secondsText(seconds: number): string {
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}
