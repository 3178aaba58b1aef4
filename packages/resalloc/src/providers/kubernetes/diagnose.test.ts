import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { PoolConfig, type PoolConfigOf } from '@copr/contract/pools/provider-options'
import { silentLog } from '@copr/process/log'
import { deadline } from '../../testing/suite-pool.ts'
import type { Finding } from '../provider.ts'
import { kubernetesProvider } from './kubernetes.ts'

interface Says {
  /** The denied permission, as `verb resource`. */
  denied?: string
  /** The response to a dry run of creating a pod. */
  pod?: { code: number; message: string }
}

/**
 * Runs diagnose() against a fake cluster that denies the permission `denied` and responds to the dry run with `pod`.
 * cluster/kubernetes.test.ts uses a real cluster.
 */
async function findingsOf(t: TestContext, { denied, pod }: Says): Promise<Finding[]> {
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const asked = JSON.parse(body) as {
        spec: { resourceAttributes: { verb: string; resource: string } }
      }
      const isReview = request.url?.includes('selfsubjectaccessreviews') ?? false
      const { verb, resource } = isReview
        ? asked.spec.resourceAttributes
        : { verb: '', resource: '' }
      const answer = isReview
        ? { status: { allowed: `${verb} ${resource}` !== denied } }
        : (pod ?? { kind: 'Pod', metadata: {} })
      assert.ok(isReview || request.url?.includes('dryRun=All'), 'it makes nothing')
      response
        .writeHead(!isReview && pod ? pod.code : 201, { 'content-type': 'application/json' })
        .end(JSON.stringify(answer))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const kubeconfig = kubeconfigOf(t, (server.address() as AddressInfo).port)
  return await diagnosed({ kubeconfig })
}

function kubeconfigOf(t: TestContext, port: number): string {
  const dir = mkdtempSync(join(tmpdir(), 'copr-kube-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const kubeconfig = join(dir, 'config')
  const cluster = {
    'insecure-skip-tls-verify': true,
    server: `http://127.0.0.1:${port}`,
  }
  const names = { cluster: 'c', user: 'u' }
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user: { token: 't' } }],
      contexts: [{ name: 'x', context: names }],
      'current-context': 'x',
    }),
  )
  return kubeconfig
}

async function diagnosed(options: object): Promise<Finding[]> {
  const pool = { provider: 'kubernetes', namespace: 'builders', image: 'i', arches: ['x86_64'] }
  const config = PoolConfig.parse({ ...pool, ...options }) as PoolConfigOf<'kubernetes'>
  const owner = { installation_id: 'i', pool: 'p' }
  const context = { ...owner, log: silentLog(), now: () => new Date() }
  const findings = await kubernetesProvider(config, context).diagnose?.(deadline())
  return (findings ?? []).filter(({ problem }) => problem !== undefined)
}

test('diagnose() reports no problem if everything is allowed', async (t) => {
  assert.deepEqual(await findingsOf(t, {}), [])
})

test('diagnose() reports a missing permission', async (t) => {
  const [finding, ...more] = await findingsOf(t, { denied: 'patch secrets' })
  assert.deepEqual(more, [])
  assert.equal(finding?.subject, 'patch secrets in builders')
  assert.match(
    finding.problem ?? '',
    /not allowed to patch secrets in the namespace builders: give it/,
  )
})

for (const [what, code, message, words] of [
  [
    'a namespace that does not exist',
    404,
    'namespaces "builders" not found',
    /; check that the name/,
  ],
  [
    'an exhausted quota',
    403,
    'exceeded quota: small',
    /^exceeded quota: small; raise the ResourceQuota of/,
  ],
  [
    'a violation of Pod Security',
    403,
    'violates PodSecurity "baseline"',
    /; check that .* admits such pods/,
  ],
] as const)
  test(`diagnose() reports ${what} with the remedy`, async (t) => {
    const [finding, ...more] = await findingsOf(t, { pod: { code, message } })
    assert.deepEqual(more, [])
    assert.match(finding?.problem ?? '', words)
  })

test('diagnose() reports an unreachable cluster in a single finding, and a missing cluster with a remedy', async (t) => {
  const closed = kubeconfigOf(t, 2)
  const [finding, ...more] = await diagnosed({ kubeconfig: closed })
  assert.deepEqual(more, [])
  assert.match(finding?.problem ?? '', /^.+; check that this host can reach the API server/)
  const [outside] = await diagnosed({})
  assert.match(
    outside?.problem ?? '',
    /^Cannot find the cluster: this process does not run in a cluster; set kubeconfig/,
  )
})

test('diagnose() reports a missing kubeconfig', async () => {
  const [finding] = await diagnosed({ kubeconfig: '/nowhere/config' })
  assert.match(
    finding?.problem ?? '',
    /^Cannot read the kubeconfig: .*\/nowhere\/config.*; set kubeconfig/,
  )
})
