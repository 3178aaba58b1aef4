import assert from 'node:assert/strict'
import { test } from 'node:test'
import { componentOfPath } from './public-paths.ts'

for (const [path, component] of [
  ['/', 'frontend'],
  ['/coprs/jane/tools', 'frontend'],
  ['/results', 'backend'],
  ['/results/jane/tools', 'backend'],
  ['/results.html', 'frontend'],
  ['/builder/claim', 'backend'],
  ['/git/jane/tools', 'distgit'],
  ['/github', 'frontend'],
  ['/repo/pkgs/jane', 'distgit'],
  ['/repo', 'frontend'],
  ['//results', 'frontend'],
] as const)
  test(`${path} is served by ${component}`, () => assert.equal(componentOfPath(path), component))
