import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TokenLimits } from '../audit/actor.ts'
import { type Need, refusalOfToken, requireOfToken } from './token-limits.ts'

const BUILDER: TokenLimits = { scopes: ['build'], project_id: null }
const ALL_SCOPES: TokenLimits = { scopes: null, project_id: null }
const ONE_PROJECT: TokenLimits = { scopes: null, project_id: 7 }

const CASES: [limits: TokenLimits | undefined, need: Need, why: RegExp | undefined][] = [
  [undefined, { access: 'account', gives: ['edit'], project_id: 8 }, undefined],
  [ALL_SCOPES, { access: 'account' }, /requires a login/],
  [ALL_SCOPES, { access: 'edit', scope: 'edit', gives: ['build'], project_id: 8 }, undefined],
  [ALL_SCOPES, { access: 'create', scope: 'edit' }, undefined],
  [BUILDER, { access: 'user' }, undefined],
  [BUILDER, { access: 'build', scope: 'build', project_id: 8 }, undefined],
  [BUILDER, { access: 'edit', scope: 'edit' }, /lacks the scope "edit"/],
  [
    BUILDER,
    { access: 'build', scope: 'build', gives: ['build', 'edit'] },
    /lacks the scope "edit"/,
  ],
  [BUILDER, { access: 'build', gives: ['edit'] }, /lacks the scope "edit"/],
  [ONE_PROJECT, { access: 'edit', scope: 'edit', project_id: 7 }, undefined],
  [ONE_PROJECT, { access: 'edit', scope: 'edit' }, undefined],
  [ONE_PROJECT, { access: 'user', project_id: 8 }, /restricted to another project/],
  [ONE_PROJECT, { access: 'create' }, /cannot create another/],
]

for (const [limits, need, why] of CASES)
  test(`a token with ${JSON.stringify(limits)} is ${why ? 'refused' : 'accepted'} for ${JSON.stringify(need)}`, () => {
    const refusal = refusalOfToken({ limits }, need)
    if (why === undefined) {
      assert.equal(refusal, undefined)
      requireOfToken({ limits }, need)
      return
    }
    assert.match(refusal ?? '', why)
    assert.throws(() => requireOfToken({ limits }, need), { kind: 'forbidden' })
  })
