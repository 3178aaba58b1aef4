import { html } from 'hono/html'
import { heading, layout } from '../pages/layout.ts'
import { paths } from '../pages/paths.ts'
import type { Html, View } from '../pages/view.ts'

const TABS = [
  ['account', 'Account', paths.account()],
  ['tokens', 'Tokens', paths.tokens()],
  ['groups', 'My groups', paths.myGroups()],
  ['audit', 'My changes', paths.ownAudit()],
] as const

/** Renders the frame of the pages on which users manage their own accounts. */
export function accountFrame(view: View, current: (typeof TABS)[number][0], content: Html): Html {
  const title = TABS.find(([key]) => key === current)?.[1] ?? ''
  return layout(
    view,
    title,
    html`${heading(view.user?.username ?? '')}
      <nav class="pf-v6-c-tabs" aria-label="Account">
        <ul class="pf-v6-c-tabs__list">
          ${TABS.map(
            ([key, text, path]) =>
              html`<li class="pf-v6-c-tabs__item ${key === current ? 'pf-m-current' : ''}">
                <a
                  class="pf-v6-c-tabs__link"
                  href="${path}"
                  ${key === current ? 'aria-current=page' : ''}
                >
                  <span class="pf-v6-c-tabs__item-text">${text}</span>
                </a>
              </li>`,
          )}
        </ul>
      </nav>
      ${content}`,
  )
}
