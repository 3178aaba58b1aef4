import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { type MemoryApi, memoryApi } from '../testing/memory-api.ts'
import { applyAll } from './apply.ts'
import { acquireDeployLock } from './deploy-lock.ts'

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/copr/leases/coprctl'

function optionsOf(told: string[], more: object = {}) {
  return {
    namespace: 'copr',
    timeout_ms: 120_000,
    poll_ms: 5,
    duration_ms: 200,
    stop: new AbortController().signal,
    tell: (why: string) => void told.push(why),
    ...more,
  }
}

/** A Lease that its holder never renews. */
function heldByBob(): KubeObject {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'coprctl', namespace: 'copr', resourceVersion: '1', uid: 'a' },
    spec: { holderIdentity: 'bob on b, process 7', acquireTime: '2026-11-26T09:00:00.000000Z' },
  }
}

const holderOf = (api: MemoryApi): unknown =>
  (api.objects.get(LEASE)?.['spec'] as { holderIdentity: string } | undefined)?.holderIdentity

test('acquireDeployLock() admits one deployment at a time, and reports the holder to those that wait', async () => {
  const api = memoryApi()
  const told: string[] = []
  const first = await acquireDeployLock(api, optionsOf(told))
  assert.match(String(holderOf(api)), /^ana on .*, process \d+$/)
  let isSecond = false
  // The second waits with a long lease duration, so that it does not consider the first holder dead on a slow machine.
  const second = acquireDeployLock(api, optionsOf(told, { duration_ms: 60_000 })).then((lock) => {
    isSecond = true
    return lock
  })
  // The Lease gets new versions because the first holder renews it.
  const versions = new Set<string | undefined>()
  while (versions.size < 4) {
    versions.add(api.objects.get(LEASE)?.metadata.resourceVersion)
    await sleep(5)
  }
  assert.equal(isSecond, false)
  assert.match(told.join('\n'), /^ana on .*, deploying since 20/)
  assert.equal(told.length, 1)
  await first[Symbol.asyncDispose]()
  await (await second)[Symbol.asyncDispose]()
  assert.equal(holderOf(api), undefined, 'nothing is left behind')
})

test('acquireDeployLock() takes over from a holder that does not renew its lease', async () => {
  const api = memoryApi([heldByBob()])
  const told: string[] = []
  await using lock = await acquireDeployLock(api, optionsOf(told))
  lock.require()
  assert.match(String(holderOf(api)), /^ana /)
  assert.deepEqual(told, ['bob on b, process 7, deploying since 2026-11-26T09:00:00.000000Z'])
})

test('acquireDeployLock() times out with an error that names the holder', async () => {
  const api = memoryApi([heldByBob()])
  await assert.rejects(
    acquireDeployLock(api, optionsOf([], { timeout_ms: 20, duration_ms: 60_000 })),
    {
      message:
        /^Cannot deploy: bob on b, process 7 has been deploying into copr since .*\n +try: .* delete lease/,
    },
  )
  assert.match(String(holderOf(api)), /^bob /)
})

test('a holder that loses the lock aborts its work, and leaves the Lease to the new holder', async () => {
  const api = memoryApi()
  {
    await using lock = await acquireDeployLock(api, optionsOf([]))
    await api.apply(heldByBob())
    await new Promise<void>((resolve) => lock.stop.addEventListener('abort', () => resolve()))
    assert.throws(() => lock.require(), /another deployment has taken the lock/)
  }
  assert.match(String(holderOf(api)), /^bob /)
})

test('a lock survives changes to its Lease by others, such as a new label', async () => {
  const api = memoryApi()
  await using lock = await acquireDeployLock(api, optionsOf([]))
  const labelled = await api.apply(api.objects.get(LEASE)!)
  // The holder renews the changed Lease.
  while (api.objects.get(LEASE)?.metadata.resourceVersion === labelled.metadata.resourceVersion) {
    lock.require()
    await sleep(5)
  }
  lock.require()
})

test('applyAll() applies no more objects once its signal is aborted', async () => {
  const api = memoryApi()
  const stop = new AbortController()
  const object = (name: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'copr' },
  })
  const tell = (): void => stop.abort()
  const applied = applyAll(api, [object('a'), object('b')], {
    namespace: 'copr',
    tell,
    stop: stop.signal,
  })
  await assert.rejects(applied, { name: 'AbortError' })
  assert.equal(api.objects.size, 1)
})

test('acquireDeployLock() warns and takes no lock if it may not create leases', async () => {
  const api = memoryApi()
  api.denied.add('create leases')
  const told: string[] = []
  await using lock = await acquireDeployLock(api, optionsOf(told))
  lock.require()
  assert.match(told.join(), /you may not create leases/)
})
