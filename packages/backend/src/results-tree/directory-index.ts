import { createHash } from 'node:crypto'
import { html, raw } from 'hono/html'
import type { Entry } from '../store/results-store.ts'

const STYLE = `
body {
  font-family: sans-serif;
  margin: 2em;
}
h1 {
  overflow-wrap: anywhere;
}
td,
th {
  padding: 0 1.5em 0 0;
  text-align: left;
}
.size {
  text-align: right;
}
`
const STYLE_ELEMENT = raw(`<style>${STYLE}</style>`)

/**
 * The policy that all results have, extended to allow the page's own style and downloads: without `allow-downloads`, Chrome ignores links
 * to packages.
 */
export const INDEX_POLICY = [
  'sandbox allow-downloads',
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
].join('; ')

/** Returns an HTML page with relative links to the entries of a folder, so that `wget -r` can follow them. */
export async function directoryIndex(entries: Entry[], shown_path: string): Promise<string> {
  const sorted = entries.toSorted(
    (a, b) => Number(b.isDir) - Number(a.isDir) || (a.name < b.name ? -1 : 1),
  )
  const rows = sorted.map(({ name, isDir, size, mtime }) => {
    const end = isDir ? '/' : ''
    // The link begins with ./ because a name such as "project:pr:1" would otherwise be parsed as a URL with the scheme "project".
    return html`<tr>
      <td><a href="./${encodeURIComponent(name)}${end}">${name}${end}</a></td>
      <td>${mtime?.toISOString().slice(0, 19).replace('T', ' ') ?? ''}</td>
      <td class="size">${isDir ? '-' : size}</td>
    </tr> `
  })
  return String(
    await html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width" />
          <title>Index of ${shown_path}</title>
          ${STYLE_ELEMENT}
        </head>
        <body>
          <h1>Index of ${shown_path}</h1>
          <table>
            <tr>
              <th>Name</th>
              <th>Last modified (UTC)</th>
              <th class="size">Size</th>
            </tr>
            <tr>
              <td><a href="../">../</a></td>
              <td></td>
              <td></td>
            </tr>
            ${rows}
          </table>
        </body>
      </html> `,
  )
}
