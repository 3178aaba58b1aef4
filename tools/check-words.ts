/** Fails if it finds names, phrases or comments that a native engineer would stumble over. Usage: `node tools/check-words.ts`. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { privateWords } from './words.ts'

/** Files that are not checked: applied migrations, because they are checksummed, the word list itself, and the changelog. */
const EXEMPT = /\/migrations\/|^tools\/(?:check-)?words(?:\.test)?\.ts$|^CHANGELOG\.md$/
const FILES = /\.(?:ts|js|css|sh|md|yaml|yml)$|^Makefile$|^\.ci\/run$/

const tracked = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' }).split('\0')
const paths = tracked.filter((path) => FILES.test(path) && !EXEMPT.test(path))
let count = 0
for (const path of paths)
  for (const { line, found, use } of privateWords(path, readFileSync(path, 'utf8'))) {
    count++
    process.stderr.write(`${path}:${line}: ${found}: use ${use}\n`)
  }
if (count > 0) process.exitCode = 1
