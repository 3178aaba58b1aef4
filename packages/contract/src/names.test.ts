import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dirnameFault, ProjectDirname } from './names.ts'

for (const [dirname, fault] of [
  ['telescope:custom:foo', undefined],
  ['telescope:custom:foo:bar-1', undefined],
  ['telescope:custom:телескоп-2', undefined],
  ['telescope:custom:望遠鏡', undefined],
  ['telescope:pr:13', undefined],
  ['telescope:pr:dana-lens-13', undefined],
  ['telescope:pr:13a', /^Please use directory format telescope:custom:/],
  ['telescope:pr:foo', /^Please use directory format/],
  ['telescope:pr:dana-lens-13-b', /^Please use directory format/],
  ['telescope:pr:dana:13', /^Please use directory format/],
  ['telescope:bar:baz', /^Please use directory format/],
  ['telescope:custom', /^Please use directory format/],
  ['telescope:pr:python3.13-145', /^Wrong directory 'telescope:pr:python3\.13-145' specified/],
  ['telescope:custom:', /^Wrong directory/],
  ['telescope:custom:foo-', /^Wrong directory/],
  ['telescope:custom:..', /^Wrong directory/],
  ['telescope:custom:a/b', /^Wrong directory/],
  ['telescope:custom:a\u0301', /^Wrong directory/],
  [`telescope:custom:${'望'.repeat(70)}`, /at most 200 bytes$/],
  ['camera:pr:13', /^Copr dirname must start with 'telescope:' prefix$/],
] as const)
  test(`${dirname.slice(0, 40)} ${fault ? 'is refused' : 'is accepted'} as a new directory of telescope`, () => {
    const found = dirnameFault('telescope', dirname)
    if (fault === undefined) assert.equal(found, undefined)
    else assert.match(found ?? '', fault)
  })

test('a directory that was created before the rule for pull requests remains a valid path', () => {
  assert.ok(ProjectDirname.safeParse('telescope:pr:13a').success)
})
