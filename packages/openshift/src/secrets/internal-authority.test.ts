import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { certifyService, makeAuthority } from './internal-authority.ts'

test('a Service certificate is accepted by clients that trust the authority, and by no others', async () => {
  const now = new Date()
  const name = 'Copr in copr'
  const authority = await makeAuthority(name, now)
  const { certificate, key } = await certifyService(
    { name, key: authority.key },
    { service: 'keygen', namespace: 'copr' },
    now,
  )
  const made = new X509Certificate(certificate)
  assert.ok(made.verify(new X509Certificate(authority.certificate).publicKey))
  assert.equal(made.checkHost('keygen.copr.svc'), 'keygen.copr.svc')
  assert.equal(made.checkHost('backend.copr.svc'), undefined)

  const server = createServer({ cert: certificate, key })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const shake = (ca?: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect({
        port,
        host: '127.0.0.1',
        servername: 'keygen.copr.svc',
        ...(ca ? { ca } : {}),
      })
      socket
        .once('secureConnect', () => resolve('trusted'))
        .once('error', ({ message }) => resolve(message))
      socket.once('secureConnect', () => socket.destroy())
    })
  assert.equal(await shake(authority.certificate), 'trusted')
  assert.notEqual(await shake((await makeAuthority(name, now)).certificate), 'trusted')
  server.close()
})
