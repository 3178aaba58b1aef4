import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { CASES } from '../testing/failing-logs/cases.ts'
import { detailsOf, faultsOf } from '../testing/failing-logs/check-case.ts'

/** Logs of builds that failed, as recorded by record.ts. */
const LOGS = new URL('../testing/failing-logs/logs/', import.meta.url)

for (const [name, one] of Object.entries(CASES))
  test(`the recorded log of ${name} shows the category ${one.category} and the first error`, () => {
    const log = readFileSync(new URL(`${name}.log`, LOGS), 'utf8')
    assert.deepEqual(faultsOf(one, log, detailsOf(one, log)), [])
  })
