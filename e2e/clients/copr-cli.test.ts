import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { type ClientFixture, clientFixture } from '@copr/testkit/clients/client-fixture'
import { subcommandsOf } from '@copr/testkit/clients/copr-cli'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { buildCommands } from './build-commands.ts'
import { chrootCommands } from './chroot-commands.ts'
import { exitCodes } from './exit-codes.ts'
import { packageCommands } from './package-commands.ts'
import { permissionCommands } from './permission-commands.ts'
import { projectCommands } from './project-commands.ts'
import { pythonCopr } from './python-copr.ts'

/**
 * Subcommands that this project does not support, because they need a newer API than it implements; with the reason why it does not
 * implement it.
 */
const NOT_OFFERED: Record<string, string> = {
  uploadrpm: 'only what a builder made from sources is published',
}

suite('unmodified copr-cli and python-copr', { skip: whyNoSystem(process.env['PATH']) }, () => {
  let running: ClientFixture
  const fixture = (): ClientFixture => running

  before(async () => {
    running = await clientFixture()
  })
  after(async () => {
    await running?.[Symbol.asyncDispose]()
  })

  projectCommands(fixture)
  chrootCommands(fixture)
  buildCommands(fixture)
  packageCommands(fixture)
  permissionCommands(fixture)
  exitCodes(fixture)
  pythonCopr(fixture)

  test('the tests cover every subcommand', async () => {
    const all = await subcommandsOf(running.clients.program)
    assert.ok(all.length >= 46, `only ${all.length} subcommands`)
    const missing = all.filter((name) => !running.succeeded.has(name) && !(name in NOT_OFFERED))
    assert.deepEqual(missing, [])
  })
})
