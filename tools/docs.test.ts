import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const PAGES = execFileSync('git', ['ls-files', '-z', '*.md'], { cwd: ROOT, encoding: 'utf8' })
  .split('\0')
  .filter((path) => path !== '' && existsSync(join(ROOT, path)))

test('docs/glossary.md is alphabetical and has no duplicates', () => {
  const rows = textOf('docs/glossary.md').matchAll(/^\| ([^|]+?)(?: \\\*)? \| /gm)
  const [, , ...words] = [...rows].map(([, word = '']) => word.toLowerCase().replaceAll('-', ' '))
  assert.ok(words.length > 50)
  assert.deepEqual(words, [...new Set(words)].toSorted())
})

/** Returns the anchor that forges generate for a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{Letter}\p{Number}\- _]/gu, '')
    .replaceAll(' ', '-')
}

function hasTarget(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : join(dirname(page), path)
  if (!existsSync(join(ROOT, target))) return false
  if (anchor === undefined) return true
  const headings = textOf(target).matchAll(/^#+ (.+)$/gm)
  return [...headings].some(([, heading = '']) => anchorOf(heading) === anchor)
}

for (const page of PAGES)
  test(`every link of ${page} leads to a file and a heading that exist`, () => {
    const links = [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
    const local = links.filter((link) => !/^[a-z]+:/.test(link))
    assert.deepEqual(
      local.filter((link) => !hasTarget(page, link)),
      [],
    )
  })

/** Inline code that looks like the path of a file in the repository; for packages, `packages/` may be omitted. */
const FILE = /`((?:packages|e2e|tools|bench|images|docs|[a-z-]+\/src)\/[\w./-]+\.\w+)`/g
/** Exists only after `make images`. */
const GENERATED = 'images/images.lock.yaml'

const hasFile = (path: string): boolean =>
  path === GENERATED ||
  [ROOT, join(ROOT, 'packages')].some((folder) => existsSync(join(folder, path)))

for (const page of PAGES)
  test(`every file that ${page} names exists`, () => {
    const files = [...textOf(page).matchAll(FILE)].map(([, file = '']) => file)
    assert.deepEqual(
      files.filter((file) => !hasFile(file)),
      [],
    )
  })

/** The texts before and after each … in a message are compared separately, because the code fills in the gaps. */
test('the code can print every message in docs/troubleshooting.md', () => {
  const paths = execFileSync('git', ['ls-files', '-z', 'packages', 'Makefile'], { cwd: ROOT })
  const files = paths.toString().split('\0')
  const sources = files.filter((path) => /\.ts$|Makefile$/.test(path) && !path.endsWith('.test.ts'))
  const code = sources
    .filter((path) => existsSync(join(ROOT, path)))
    .map(textOf)
    .join('\n')
  const cells = textOf('docs/troubleshooting.md').matchAll(/^\| ([^|]*`[^|]*) \|/gm)
  const messages = [...cells].flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+ [^`]+)`/g)])
  assert.ok(messages.length > 40, String(messages.length))
  const pieces = messages.flatMap(([, message = '']) =>
    message.split('…').map((one) => one.replace(/^[:,;] /, '').trim()),
  )
  assert.deepEqual(
    pieces.filter((piece) => !code.includes(piece)),
    [],
  )
})
