import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runOrThrow } from '@copr/process/run'
import { type ClientFixture, createProject } from '@copr/testkit/clients/client-fixture'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'

const SCRIPT = fileURLToPath(new URL('python-calls.py', import.meta.url))

type Fields = Record<string, unknown>

export function pythonCopr(fixture: () => ClientFixture): void {
  test('the functions of python-copr that copr-cli never calls also work', async () => {
    const { cli, clients, sources, system } = fixture()
    await createProject(fixture(), 'library')
    const srpm = await sources.make({ name: 'from-python' })
    const args = [SCRIPT, cli.config, cli.username, 'library', DISTRO_CHROOT, srpm]
    const answers = JSON.parse(await runOrThrow(clients.python, args)) as Record<string, Fields>
    assert.deepEqual(answers['home'], { version: 3 })
    assert.equal(answers['auth_check']?.['name'], cli.username)
    assert.deepEqual(answers['search'], [`${cli.username}/library`])
    assert.equal(answers['can_build_in'], false)
    assert.equal(answers['succeeded'], true)
    const ids = answers['submitted'] as unknown as number[]
    const [first = 0] = ids
    const results = `${system.url}/results/${cli.username}/library`
    const padded = String(first).padStart(8, '0')
    assert.deepEqual(answers['source_chroot'], {
      state: 'succeeded',
      result_url: `${results}/srpm-builds/${padded}`,
    })
    assert.equal(answers['source_build_config']?.['source_type'], 'upload')
    const { name, state, result_url } = answers['build_chroot'] ?? {}
    assert.deepEqual([name, state], [DISTRO_CHROOT, 'succeeded'])
    assert.equal(result_url, `${results}/${DISTRO_CHROOT}/${padded}-from-python/`)
    const [repo] = (answers['build_config']?.['repos'] ?? []) as Fields[]
    assert.equal(repo?.['baseurl'], `${results}/${DISTRO_CHROOT}/`)
    const built = (answers['built_packages']?.['packages'] ?? []) as Fields[]
    assert.deepEqual(built.map(({ arch }) => String(arch)).toSorted(), ['noarch', 'src'])
    assert.deepEqual(
      answers['pages'],
      ids.toReversed().map((id) => [id]),
    )
    assert.equal(answers['deleted']?.['id'], first)
    assert.equal((await system.api.raw('GET', `build/${first}`)).status, 404)
  })
}
