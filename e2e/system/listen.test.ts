import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createConnection } from 'node:net'
import { networkInterfaces } from 'node:os'
import { suite, test } from 'node:test'
import { textAt } from '@copr/testkit/system/api-client'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { startSystem } from '@copr/testkit/system/start-system'
import { tinySources } from '@copr/testkit/system/tiny-srpm'

const noIpv6 = existsSync('/proc/net/if_inet6') ? false : 'this machine has no IPv6'

suite('listen addresses', { skip: whyNoSystem(process.env['PATH']) }, () => {
  test('by default, the system listens on 127.0.0.1 only', async () => {
    await using system = await startSystem({ builders: 0 })
    assert.equal(system.publicUrl, `http://127.0.0.1:${system.port}`)
    assert.match(await textAt(system.publicUrl), /Copr/)
    for (const address of otherAddresses()) assert.equal(await answers(address, system.port), false)
  })

  test(
    'a system that listens on ::1 imports, builds and publishes a build',
    { skip: noIpv6 },
    async () => {
      await using system = await startSystem({ builders: 1, host: '::1' })
      assert.equal(system.publicUrl, `http://[::1]:${system.port}`)
      using sources = tinySources()
      await system.api.createProject('ipv6')
      const { id } = await system.api.uploadBuild('ipv6', await sources.make({ name: 'six' }))
      const { state } = await system.api.waitForBuild(id)
      assert.equal(state, 'succeeded', `${await system.api.log(id)}\n${system.logs()}`)
      assert.match(await textAt(`${system.publicUrl}/coprs/build/${id}`), /six/)
    },
  )

  test(
    'a system that listens on :: accepts connections on every address, and builders enroll',
    { skip: noIpv6 },
    async () => {
      await using system = await startSystem({ builders: 1, host: '::' })
      assert.equal(system.publicUrl, `http://[::1]:${system.port}`)
      for (const address of ['127.0.0.1', '::1', ...otherAddresses()])
        assert.equal(await answers(address, system.port), true, address)
    },
  )
})

/** Returns the addresses at which nearby machines can reach this one; none without a network. */
function otherAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ internal, scopeid = 0 }) => !internal && scopeid === 0)
    .map(({ address }) => address)
}

async function answers(host: string, port: number): Promise<boolean> {
  const socket = createConnection({ host, port })
  return await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
  }).finally(() => socket.destroy())
}
