import { html } from 'hono/html'
import type { Html } from './view.ts'

/** The link to what comes after a page. */
export function more(isThere: boolean, href: string): Html {
  return isThere ? html`<p class="more"><a href="${href}">More</a></p>` : html``
}

/** The id where a page begins; undefined: at the beginning. */
export function idOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
