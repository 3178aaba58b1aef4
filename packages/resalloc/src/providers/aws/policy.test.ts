import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { awsPolicy } from './policy.ts'

const HERE = new URL('./', import.meta.url)

test('awsPolicy() is what docs/aws.md shows', () => {
  const page = readFileSync(new URL('../../../../../docs/aws.md', HERE), 'utf8')
  const shown = /```json\n(.*?)```/s.exec(page)?.[1] ?? ''
  assert.deepEqual(JSON.parse(shown), awsPolicy('INSTALLATION', 'REGION'))
})

test('awsPolicy() allows every call that the provider makes, and no other', () => {
  const sources = readdirSync(HERE).filter((name) => /(?<!\.test)\.ts$/.test(name))
  const calls = sources.flatMap((name) => {
    const code = readFileSync(new URL(name, HERE), 'utf8')
    return [...code.matchAll(/new (\w+)Command\(/g)].map(([, call]) => `ec2:${call}`)
  })
  const allowed = awsPolicy('i', 'r').Statement.flatMap(({ Action }) => Action)
  // Not called: tags are given in the launch itself.
  assert.deepEqual(new Set([...calls, 'ec2:CreateTags']), new Set(allowed))
})

test('awsPolicy() lets nothing be made or ended without the tag of the installation', () => {
  for (const { Action, Condition } of awsPolicy('copr-1', 'r').Statement)
    if (Action.some((each) => /Terminate|Delete|Cancel/.test(each)))
      assert.deepEqual(Condition, {
        StringEquals: { 'aws:ResourceTag/copr-installation': 'copr-1' },
      })
})
