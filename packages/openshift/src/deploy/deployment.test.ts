import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readVars } from '../configuration/read-vars.ts'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { sampleFacts } from '../testing/facts.ts'
import { memoryApi, type MemoryApi } from '../testing/memory-api.ts'
import { deploy, type DeployOptions, type Progress } from './deployment.ts'
import { writeState } from './state.ts'
import { undeploy } from './undeploy.ts'

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/copr/leases/coprctl'
const { images } = sampleFacts('kubernetes')

/** A fake cluster with a deployment of one object. Its deploy lock is held by someone else. */
async function heldByBob(): Promise<MemoryApi> {
  const namespace: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'copr' } }
  const lease: KubeObject = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'coprctl', namespace: 'copr', resourceVersion: '1' },
    spec: { holderIdentity: 'bob on b, process 7', acquireTime: '2026-11-26T09:00:00.000000Z' },
  }
  const memory = memoryApi([namespace, lease])
  await setVersion(memory, '1.0.0')
  return {
    ...memory,
    request: async (method, path, body) =>
      path === '/apis' ? { groups: [] } : await memory.request(method, path, body),
  }
}

async function setVersion(api: MemoryApi, version: string): Promise<void> {
  const made: KubeObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'a', namespace: 'copr' },
  }
  const state = { version, host: 'copr.example.org', images, inventory: [made] }
  await api.apply(made)
  await writeState(api, 'copr', state)
}

function optionsOf(blocked: () => void): DeployOptions {
  const nothing = (): void => undefined
  const progress: Progress = {
    found: nothing,
    generated: nothing,
    applied: nothing,
    waiting: nothing,
    blocked,
  }
  const stop = new AbortController().signal
  const read = readVars({ vars: { path: 'vars.yml', text: 'expose: {host: copr.example.org}' } })
  return { read, images, now: new Date(), progress, timeout_ms: 120_000, poll_ms: 5, stop }
}

test('deploy() acquires the lock before it checks whether it may replace the running version', async () => {
  const api = await heldByBob()
  let done: Promise<void> | undefined
  const options = optionsOf(() => {
    done = setVersion(api, '9.0.0').then(() => void api.objects.delete(LEASE))
  })
  const allow: DeployOptions['allow'] = (before) => {
    throw new Error(`there is ${before?.version}`)
  }
  await assert.rejects(deploy(api, { ...options, allow }), { message: 'there is 9.0.0' })
  await done
  assert.equal(api.objects.has(LEASE), false)
})

test('undeploy() waits for the lock, and removes nothing until it holds the lock', async () => {
  const api = await heldByBob()
  const before = [...api.objects.keys()]
  const options = { ...optionsOf(() => undefined), timeout_ms: 20 }
  await assert.rejects(undeploy(api, { ...options, delete_data: false, abandon_machines: true }), {
    message: /bob on b, process 7 has been deploying into copr/,
  })
  assert.deepEqual([...api.objects.keys()], before)
  api.objects.delete(LEASE)
  await undeploy(api, { ...options, delete_data: false, abandon_machines: true })
  assert.deepEqual([...api.objects.keys()], ['/api/v1/namespaces/copr'])
})
