import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { z } from 'zod'
import { EditProjectChroot } from './chroots.ts'
import { formFaults } from './form-fields.ts'
import { EditProject } from './projects.ts'

function faultsOf(schema: z.ZodType, form: Record<string, unknown>): string {
  const parsed = schema.safeParse(form)
  return parsed.success ? '' : formFaults(parsed.error)
}

test('a list with too many entries is refused with a one-line message', () => {
  const words = (count: number): string => 'a '.repeat(count)
  for (const name of ['chroots', 'packit_forge_projects_allowed']) {
    assert.equal(faultsOf(EditProject, { [name]: words(1000) }), '')
    const refused = `${name}: has more than 1000 entries`
    assert.equal(faultsOf(EditProject, { [name]: words(1001) }), refused)
    assert.equal(faultsOf(EditProject, { [name]: words(1001).trim().split(' ') }), refused)
  }
})

test('an error names only the first ten of many invalid repositories', () => {
  const repos = Array.from({ length: 1000 }, (_, i) => `wrong-${i}`)
  const lines = faultsOf(EditProject, { additional_repos: repos }).split('\n')
  assert.equal(lines.length, 10)
  assert.match(lines[9] ?? '', /^additional_repos: A list .*'wrong-9'/)
})

test('modules after the first thousand are checked as well', () => {
  const good = Array.from({ length: 1000 }, (_, i) => `module${i}:1`)
  assert.equal(faultsOf(EditProjectChroot, { additional_modules: good }), '')
  assert.equal(
    faultsOf(EditProjectChroot, { additional_modules: [...good, '--option'] }),
    'additional_modules: has more than 1000 entries',
  )
})
