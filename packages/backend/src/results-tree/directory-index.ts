import { lstat, readdir, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { html } from 'hono/html'
import { isMissing } from '../store/files.ts'

interface Entry {
  name: string
  isDir: boolean
  size: number
  mtime: Date
}

/** An HTML page with relative links to everything in a folder that is not hidden: `wget -r` follows it. */
export async function directoryIndex(dir: string, shown_path: string): Promise<string> {
  const names = (await readdir(dir)).filter((name) => !name.startsWith('.'))
  const found = await Promise.all(names.map((name) => entryOf(dir, name)))
  const entries = found
    .flatMap((entry) => entry ?? [])
    .toSorted((a, b) => Number(b.isDir) - Number(a.isDir) || (a.name < b.name ? -1 : 1))
  const rows = entries.map(({ name, isDir, size, mtime }) => {
    const end = isDir ? '/' : ''
    // With ./ in front, as the colon of "project:pr:1" would make it a URL scheme.
    return html`<tr>
      <td><a href="./${encodeURIComponent(name)}${end}">${name}${end}</a></td>
      <td>${mtime.toISOString().slice(0, 19).replace('T', ' ')}</td>
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
          <style>
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
          </style>
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

async function entryOf(dir: string, name: string): Promise<Entry | undefined> {
  const path = join(dir, name)
  try {
    // The only links of ours lead to something beside them: the index of a repository.
    if ((await lstat(path)).isSymbolicLink() && (await readlink(path)).includes('/'))
      return undefined
    const stats = await stat(path)
    return { name, isDir: stats.isDirectory(), size: stats.size, mtime: stats.mtime }
  } catch (error) {
    // It may just have been removed.
    if (isMissing(error)) return undefined
    throw error
  }
}
