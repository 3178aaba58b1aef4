import { html } from 'hono/html'
import type { Html } from './view.ts'

/** A link to the next page, if there is one. */
export function more(isThere: boolean, href: string): Html {
  return isThere ? html`<p class="more"><a href="${href}">More</a></p>` : html``
}

/** Parses the id at which a page starts; undefined for the first page. */
export function idOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
