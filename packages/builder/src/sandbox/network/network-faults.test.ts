import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { runOrThrow } from '@copr/process/run'
import { userNetworkFaults } from './network-faults.ts'

const skip = process.getuid?.() !== 0 && 'needs root: it creates mount namespaces'

/** Returns the faults of this machine after a shell command has changed it within a mount namespace. */
async function faultsAfter(change: string): Promise<string[]> {
  const module = JSON.stringify(join(import.meta.dirname, 'network-faults.ts'))
  const script = `import { userNetworkFaults } from ${module}; console.log(JSON.stringify(await userNetworkFaults()))`
  const node = [process.execPath, '--input-type=module', '-e', script]
  const args = ['--mount', '/bin/sh', '-c', `${change}; exec "$@"`, 'sh', ...node]
  return JSON.parse(await runOrThrow('unshare', args, { answer_only: true })) as string[]
}

test('userNetworkFaults() finds no faults on a suitable machine', { skip }, async () =>
  assert.deepEqual(await userNetworkFaults(), []),
)

test('userNetworkFaults() names a missing device', { skip }, async () => {
  const faults = await faultsAfter('mount -t tmpfs dev /dev/net')
  assert.equal(faults.length, 1)
  assert.match(
    faults.join(),
    /^Builds with network access cannot run: the device \/dev\/net\/tun is missing; run "modprobe tun"/,
  )
})

test('userNetworkFaults() names a missing program and its package', { skip }, async () => {
  const faults = await faultsAfter('mount --bind /dev/null /usr/bin/slirp4netns')
  assert.equal(faults.length, 1)
  assert.match(
    faults.join(),
    /cannot run: Programs are missing: slirp4netns; .*install slirp4netns"/,
  )
})

test('userNetworkFaults() gives the reason why a step fails', { skip }, async () => {
  const faults = await faultsAfter('mount --bind /bin/false /usr/bin/slirp4netns')
  assert.deepEqual(faults, [
    'Builds with network access cannot run: Cannot start slirp4netns: exit code 1: no message',
  ])
})
