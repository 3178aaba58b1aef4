/**
 * Groups test files so that one process runs several of them: starting a process and loading the code under test takes longer than most
 * tests.
 *
 * `node tools/group-tests.ts FOLDER GLOB...` writes a file for each group to the folder, and prints the files to pass to `node --test`.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { groupFiles, groupSource } from './test-groups.ts'

const [folder = '', ...globs] = process.argv.slice(2)
if (folder === '' || globs.length === 0)
  throw new Error('Usage: node tools/group-tests.ts FOLDER GLOB...')
const paths = globSync(globs).toSorted()
if (paths.length === 0)
  throw new Error(`Cannot find a test file: nothing matches ${globs.join(' ')}`)
const groups = groupFiles(paths.map((path) => ({ path, source: readFileSync(path, 'utf8') })))
for (const [i, files] of groups.entries()) {
  const [first = ''] = files
  if (files.length === 1) process.stdout.write(`${first}\n`)
  else {
    const path = join(folder, `group-${i + 1}.mjs`)
    writeFileSync(path, groupSource(files.map((file) => resolve(file))))
    process.stdout.write(`${path}\n`)
  }
}
