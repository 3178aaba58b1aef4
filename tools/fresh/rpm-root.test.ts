import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { parsePackageList, readPackageList } from '../../packages/demo-distro/src/list.ts'
import { BARE, PREREQUISITES } from './rpm-root.ts'

test('the lists contain every initial package of the RPM machine, under the names of Fedora', async () => {
  const text = await readFile(new URL('machine-packages.list', import.meta.url), 'utf8')
  const listed = [...(await readPackageList()), ...parsePackageList(text)]
  const names = new Set(['filesystem', ...listed.flatMap((one) => [one.rpmName, ...one.provides])])
  assert.deepEqual(
    [...BARE, ...PREREQUISITES].filter((name) => !names.has(name)),
    [],
  )
})
