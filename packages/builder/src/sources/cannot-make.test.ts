import { FinishRequest } from '@copr/contract/builder-protocol'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cannotMake } from './cannot-make.ts'

for (const type of ['distgit'] as const)
  test(`a source of type ${type} fails with a reason of one sentence`, () => {
    const end = FinishRequest.parse(cannotMake(type))
    assert.ok(end.outcome === 'failed')
    assert.match(
      end.reason,
      /^This site cannot make source packages from [^.]+ yet: [^:]+\.src\.rpm/,
    )
  })
