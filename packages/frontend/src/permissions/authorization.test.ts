import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

const SOURCES = new URL('..', import.meta.url).pathname

/** The files that may call requireRight(), with the reason. */
const CALLERS: Record<string, string> = {
  'http/in-project.ts': 'inProject() and inProjectOf() authorize the operations of the API',
  'projects/on-project.ts': 'projectPagesOf() authorizes pages',
  'builds/build-actions.ts': 'requireBuildAction() authorizes what is done with a build',
}

test('requireRight() is called by the wrappers that resolve a project, and nowhere else', () => {
  const callers = globSync('**/*.ts', { cwd: SOURCES })
    .filter((path) => !path.endsWith('.test.ts'))
    .filter((path) => readFileSync(`${SOURCES}/${path}`, 'utf8').includes('requireRight('))
  assert.deepEqual(
    callers.toSorted(),
    Object.keys(CALLERS).toSorted(),
    'declare the access with inProject(), onBuild(), projectPagesOf() or buildPagesOf(), or name the file and its reason in CALLERS',
  )
})
