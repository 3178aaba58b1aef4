import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'
import { runOrThrow } from '@copr/process/run'
import {
  type ClientFixture,
  clientFixture,
  createProject,
} from '@copr/testkit/clients/client-fixture'
import { whyNoSystem } from '@copr/testkit/system/requirements'

const SCRIPT = fileURLToPath(new URL('packit-flow.py', import.meta.url))
const PROJECT = 'for-packit'

suite('the unmodified library of Packit', { skip: whyNoSystem(process.env['PATH']) }, () => {
  let fixture: ClientFixture

  before(async () => {
    fixture = await clientFixture()
    await createProject(fixture, PROJECT, '--description', 'Continuous builds')
    const { system } = fixture
    const path = `project/edit/${fixture.cli.username}/${PROJECT}`
    const form = { packit_forge_projects_allowed: ['https://github.com/packit/*'] }
    assert.equal((await system.api.raw('PUT', path, form)).status, 200)
  })
  after(async () => {
    await fixture?.[Symbol.asyncDispose]()
  })

  /** Runs a step of the script as kim, in the administrator's project. */
  async function packit(step: 'ask' | 'build'): Promise<Record<string, unknown>> {
    const { clients, kim, cli } = fixture
    const args = [SCRIPT, step, kim.config, cli.username, PROJECT, DISTRO_CHROOT]
    const output = await runOrThrow(clients.python, args, { timeout_ms: 1_000_000 })
    return JSON.parse(output) as Record<string, unknown>
  }

  test('packit reuses a project of another user, and requests the roles that it lacks', async () => {
    const { cli, system } = fixture
    const place = `${cli.username}/${PROJECT}`
    const seen = await packit('ask')
    assert.equal(seen['reused'], null)
    assert.equal(seen['not_admin'], `Copr project update failed for '${place}' project.`)
    assert.match(String(seen['not_builder']), /kim is not allowed to build in the copr: /)
    assert.equal(seen['permissions_page'], `${system.url}/coprs/${place}/permissions/`)
    const { body } = await system.api.raw('GET', `project/permissions/get/${place}`)
    assert.deepEqual(body, { permissions: { kim: { admin: 'request', builder: 'request' } } })
  })

  test('packit builds a custom source once it has permission, follows the build, and reads logs and packages', async () => {
    const { cli, system } = fixture
    const path = `project/permissions/set/${cli.username}/${PROJECT}`
    const set = await system.api.raw('PUT', path, { kim: { builder: 'approved' } })
    assert.equal(set.status, 200)
    const seen = await packit('build')
    assert.match(String(seen['forge_refused']), /can't build in this Copr via Packit\./)
    assert.equal(seen['state'], 'succeeded', String(seen['source_log']))
    assert.deepEqual(new Set(seen['reports'] as string[]), new Set(['pending', 'success']))
    assert.equal(seen['build_page'], 200)
    assert.equal(seen['canceled_when_finished'], false)
    assert.match(String(seen['source_log']), /packit-made/)
    assert.match(String(seen['log']), /Wrote: \/builddir\/build\/RPMS\/packit-made/)
    const rpms = Object.entries(seen['rpms'] as Record<string, number>)
    assert.ok(rpms.some(([name]) => name.endsWith('.noarch.rpm')) && rpms.length >= 2)
    for (const [name, status] of rpms) assert.equal(status, 200, name)
    const packages = (seen['packages'] as string[]).toSorted()
    assert.deepEqual(packages, ['packit-made.noarch', 'packit-made.src'])
    assert.equal(
      seen['repository'],
      `${system.url}/results/${cli.username}/${PROJECT}/${DISTRO_CHROOT}/`,
    )
  })
})
