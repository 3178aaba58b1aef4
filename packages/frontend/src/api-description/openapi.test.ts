import { Validator } from '@seriousme/openapi-schema-validator'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestFrontend } from '../testing/test-frontend.ts'

interface Described {
  openapi: string
  paths: Record<string, Record<string, { deprecated?: boolean; requestBody?: Body }>>
}
interface Body {
  content: Record<string, { schema: { properties: Record<string, { type?: string }> } }>
}

test('/api_3/openapi.json is valid OpenAPI 3.1 and describes the constraints of the schemas', async () => {
  await using t = await openTestFrontend()
  const described = await t.get<Described>('/api_3/openapi.json')
  const { valid, errors } = await new Validator().validate({ ...described })
  assert.deepEqual({ valid, errors }, { valid: true, errors: undefined })
  assert.equal(described.openapi, '3.1.0')
  const edit = described.paths['/project/edit/{ownername}/{projectname}']
  assert.equal(edit?.['post']?.deprecated, true)
  const body = edit?.['put']?.requestBody?.content['application/json']?.schema.properties
  assert.equal(body?.['enable_net']?.type, 'boolean')
  assert.equal(body?.['repo_priority']?.type, 'integer')
  assert.deepEqual(body?.['isolation'], {
    type: 'string',
    enum: ['default', 'nspawn', 'simple'],
  })
})

test('/api_3/docs lists every path', async () => {
  await using t = await openTestFrontend()
  const described = await t.get<Described>('/api_3/openapi.json')
  const page = await (await t.ask('/api_3/docs/')).text()
  for (const path of Object.keys(described.paths)) assert.ok(page.includes(path), path)
})
