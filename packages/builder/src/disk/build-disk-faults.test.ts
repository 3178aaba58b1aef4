import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from '@copr/process/run'
import { buildDiskFaults } from './build-disk-faults.ts'

const skip = (await buildDiskFaults()).length > 0 && 'this machine has no loop devices'

/** Returns the fault that buildDiskFaults() finds in a child process that is started through `command`, or 'none'. */
async function faultBelow(...command: string[]): Promise<string> {
  const module = new URL('./build-disk-faults.ts', import.meta.url).href
  const script = `const { buildDiskFaults } = await import(${JSON.stringify(module)})
console.log(JSON.stringify(await buildDiskFaults()))`
  const [program = '', ...args] = command
  const node = [process.execPath, '--input-type=module', '-e', script]
  const ran = await run(program, [...args, ...node], { answer_only: true, timeout_ms: 60_000 })
  assert.ok(ran.ok, ran.output)
  const [fault = 'none', ...more] = JSON.parse(ran.output) as string[]
  assert.deepEqual(more, [])
  return fault
}

test(
  'buildDiskFaults() reports that the kernel or the container has no loop devices',
  { skip },
  async () => {
    const hide =
      'mount -t tmpfs tmpfs /dev && mknod /dev/null c 1 3 && mknod /dev/urandom c 1 9; exec "$@"'
    assert.match(
      await faultBelow('unshare', '--mount', '--propagation', 'private', 'sh', '-c', hide, 'sh'),
      /^Cannot give each build a disk of its own \(.+\): (the kernel has no loop devices: run "modprobe loop"|this container \(\w+\) has no loop devices: start it with --privileged .*)$/,
    )
  },
)

test(
  'buildDiskFaults() reports that loop devices cannot be used in a user namespace',
  { skip },
  async () =>
    assert.match(
      await faultBelow('unshare', '--user', '--map-root-user'),
      /^Cannot give each build a disk of its own \(.+\): .*(run it as root on the host|--privileged)/,
    ),
)

test('buildDiskFaults() reports that root lacks CAP_SYS_ADMIN', { skip }, async () =>
  assert.match(await faultBelow('setpriv', '--bounding-set', '-sys_admin'), /CAP_SYS_ADMIN/),
)

test('buildDiskFaults() names the package of a missing program', { skip }, async () =>
  assert.match(
    await faultBelow('env', 'PATH=/nonexistent'),
    /^Programs are (missing|not in PATH): mkfs\.ext4/,
  ),
)
