import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ClientFixture, createProject } from '@copr/testkit/clients/client-fixture'
import { coprCli } from '@copr/testkit/clients/copr-cli'

/** Tests the general exit codes of copr-cli; those of builds, permissions and the like are tested with their subcommands. */
export function exitCodes(fixture: () => ClientFixture): void {
  test('copr-cli exits with 3 for a missing file', async () => {
    await createProject(fixture(), 'codes')
    assert.match(await fixture().cli.fails(3, 'build', 'codes', 'missing.src.rpm'), /not found/)
  })

  test('copr-cli exits with 5 if the response comes from an older server', async () => {
    const { clients, dir, files } = fixture()
    const url = files.answer('/api_3/package', { id: 1, name: 'tool' })
    const account = { url, username: 'kim', login: 'x', token: 'y' }
    const old = coprCli(clients.program, join(dir, 'old.conf'), { account, succeeded: new Set() })
    const printed = await old.fails(5, 'get-package', 'codes', '--name', 'tool')
    assert.match(printed, /is older than/)
  })

  test('copr-cli exits with 6 without a configuration', async () => {
    await fixture().cli.fails(6, '--config', '/nonexistent/copr', 'whoami')
  })

  test('copr-cli exits with 1 for a wrong token', async () => {
    const { system, clients, dir, cli } = fixture()
    const account = { url: system.url, username: cli.username, login: 'x', token: 'y' }
    const nobody = coprCli(clients.program, join(dir, 'bad.conf'), {
      account,
      succeeded: new Set(),
    })
    assert.match(await nobody.fails(1, 'delete', 'codes'), /token|log ?in/i)
  })

  test('uploadrpm fails because the API does not support it', async () => {
    const { cli, sources } = fixture()
    const file = await sources.make({ name: 'binary' })
    assert.match(
      await cli.fails(1, 'uploadrpm', 'codes', file),
      /API endpoint doesn't exist: POST .*rpm-upload/,
    )
  })
}
