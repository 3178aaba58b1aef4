import { BuildAnswer } from '@copr/contract/api/builds'
import { listOf } from '@copr/contract/api/lists'
import assert from 'node:assert/strict'
import { type MadeRpm, makeRpm, uploadForm } from './make-srpm.ts'
import type { TestFrontend } from './test-frontend.ts'
import { fixtures } from '@copr/domain/testing/fixtures'

export const TARGET = { ownername: 'dana', projectname: 'telescope' }
export const UPLOAD = '/api_3/build/create/upload'
export const URLS = '/api_3/build/create/url'
export const LINK = 'https://sources.example.org/hello-2.12-1.src.rpm'

let srpm: Promise<MadeRpm> | undefined
/** Builds the SRPM `hello` once for all tests of a file. */
export async function helloSrpm(): Promise<MadeRpm> {
  return await (srpm ??= makeRpm('source'))
}
export async function upload(
  t: TestFrontend,
  fields: Record<string, unknown> = {},
): Promise<BuildAnswer> {
  const body = uploadForm(await helloSrpm(), { ...TARGET, ...fields })
  return BuildAnswer.parse(await t.get(UPLOAD, { as: 'dana', body }))
}

export async function link(
  t: TestFrontend,
  fields: Record<string, unknown> = {},
): Promise<BuildAnswer> {
  const json = { ...TARGET, pkgs: [LINK], ...fields }
  const { items } = listOf(BuildAnswer).parse(await t.get(URLS, { as: 'dana', json }))
  return items[0] ?? assert.fail('no build')
}

/** Sets the state of a build to finished, without running it. */
export async function finish(t: TestFrontend, id: number): Promise<void> {
  const ended_at = new Date('2026-11-22T12:05:00Z')
  const started_at = new Date('2026-11-22T12:01:00Z')
  const done = { state: 'succeeded' as const, started_at, ended_at, result_dir: '00000001-hello' }
  await fixtures(t.db).updateTable('build_chroot').set(done).where('build_id', '=', id).execute()
  const build = {
    state: 'succeeded' as const,
    source_state: 'succeeded' as const,
    finished_at: ended_at,
  }
  await fixtures(t.db).updateTable('build').set(build).where('id', '=', id).execute()
}
