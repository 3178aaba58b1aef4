import { html } from 'hono/html'
import { staticUrl } from '../static-files.ts'
import { paths } from './paths.ts'
import type { Html, View } from './view.ts'

/** Renders the frame of every page around its content. */
export function layout(view: View, title: string, content: Html): Html {
  const { site_name } = view.frontend.config
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} · ${site_name}</title>
        <link rel="icon" href="${staticUrl('favicon.svg')}" type="image/svg+xml" />
        <link rel="stylesheet" href="${staticUrl('site.css')}" />
        <script type="module" src="${staticUrl('site.js')}"></script>
      </head>
      <body>
        <a class="skip" href="#content">Skip to content</a>
        ${masthead(view)}
        <main id="content" class="page">${content}</main>
        <footer class="footer">
          <span>${site_name} builds RPM packages and publishes dnf repositories</span>
          <nav aria-label="More">
            <a href="${paths.status('pending')}">Queue</a>
            <a href="${paths.apiDocs()}">API</a>
            <a href="${paths.rss()}">RSS</a>
          </nav>
        </footer>
      </body>
    </html>`
}

function masthead(view: View): Html {
  return html`<header class="masthead">
    <a class="brand" href="${paths.home()}">
      <img src="${staticUrl('favicon.svg')}" alt="" width="28" height="28" />
      <span>${view.frontend.config.site_name}</span>
    </a>
    <nav aria-label="Main">
      <a href="${paths.recent()}">Builds</a>
      <a href="${paths.api()}">API</a>
    </nav>
    <form class="search" action="${paths.search()}" role="search">
      <span class="pf-v6-c-form-control">
        <input
          type="search"
          name="fulltext"
          placeholder="Search projects"
          aria-label="Search projects"
        />
      </span>
    </form>
    ${account(view)}
  </header>`
}

function account({ user, csrf, path }: View): Html {
  if (!user)
    return html`<a class="pf-v6-c-button pf-m-secondary pf-m-small" href="${paths.login(path)}"
      >Log in</a
    >`
  return html`<div class="account">
    <a href="${paths.owner(user.username)}">${user.username}</a>
    <a href="${paths.account()}">Account</a>
    <form method="post" action="${paths.logout()}">
      <input type="hidden" name="csrf_token" value="${csrf}" />
      <button class="pf-v6-c-button pf-m-link pf-m-small" type="submit">Log out</button>
    </form>
  </div>`
}

/** Breadcrumbs; items with an `href` are links. */
export function breadcrumbs(items: [text: string, href?: string][]): Html {
  return html`<nav class="pf-v6-c-breadcrumb" aria-label="Breadcrumb">
    <ol class="pf-v6-c-breadcrumb__list" role="list">
      ${items.map(
        ([text, href]) =>
          html`<li class="pf-v6-c-breadcrumb__item">
            <span class="pf-v6-c-breadcrumb__item-divider" aria-hidden="true">›</span>
            ${
              href === undefined
                ? html`<span aria-current="page">${text}</span>`
                : html`<a class="pf-v6-c-breadcrumb__link" href="${href}">${text}</a>`
            }
          </li>`,
      )}
    </ol>
  </nav>`
}

export function heading(text: string, beside?: Html): Html {
  return html`<div class="heading">
    <h1 class="pf-v6-c-title pf-m-2xl">${text}</h1>
    ${beside === undefined ? '' : html`<div class="actions">${beside}</div>`}
  </div>`
}
