import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CoprError } from '@copr/process/errors'
import { run } from '@copr/process/run'
import { html } from 'hono/html'
import { GIT_ENVIRONMENT } from './git-environment.ts'
import { type PackageLocation, gitRoot, hasCode } from './layout.ts'
import { readTips } from './repository.ts'

type Html = ReturnType<typeof html>

const SHOWN_COMMITS = '20'

/** A page that lists the packages of a project dir. */
export async function projectDirPage(root: string, owner: string, dirname: string): Promise<Html> {
  const names = await repositories(join(gitRoot(root), owner, dirname))
  const rows = names.map((name) => html`<li><a href="./${name}">${name}</a></li>`)
  return page(
    `${owner}/${dirname}`,
    html`<ul>
      ${rows}
    </ul>`,
  )
}

/** Returns a page with a repository's branches, and with the latest commits and the spec file of its main branch. */
export async function packagePage(gitDir: string, place: PackageLocation): Promise<Html> {
  const tips = await readTips(gitDir)
  const branches = tips.map(({ branch, commit }) => html`<li>${branch} <code>${commit}</code></li>`)
  const log = await output(gitDir, 'log', '-n', SHOWN_COMMITS, '--format=%h %ci %s', 'HEAD', '--')
  const spec = await output(gitDir, 'show', `HEAD:${await specName(gitDir)}`, '--')
  return page(
    `${place.owner}/${place.dirname}/${place.package_name}`,
    html`<h2>Branches</h2>
      <ul>
        ${branches}
      </ul>
      <h2>Commits</h2>
      <pre>${log}</pre>
      <h2>Spec</h2>
      <pre>${spec}</pre>`,
  )
}

function page(title: string, body: Html): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>${title}</title>
      </head>
      <body>
        <h1>${title}</h1>
        ${body}
      </body>
    </html>`
}

async function repositories(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).map((name) => name.replace(/\.git$/, '')).toSorted()
  } catch (err) {
    if (hasCode(err, 'ENOENT', 'ENOTDIR'))
      throw new CoprError('not_found', 'Cannot find any package of this project directory')
    throw err
  }
}

async function specName(gitDir: string): Promise<string> {
  const names = await output(gitDir, 'ls-tree', '-z', '--name-only', 'HEAD')
  return names.split('\0').find((name) => name.endsWith('.spec')) ?? ''
}

/** Returns git's output; an empty string if git fails, as it does before the main branch has a commit. */
async function output(gitDir: string, ...args: string[]): Promise<string> {
  const outcome = await run('git', ['--git-dir', gitDir, ...args], { env: GIT_ENVIRONMENT })
  return outcome.ok ? outcome.output : ''
}
