import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from '@copr/process/run'
import { causeOf, type NamespaceSupport, readNamespaceSupport } from './namespace-cause.ts'

const CAPABLE = (1n << 41n) - 1n
const FREE: NamespaceSupport = {
  capabilities: CAPABLE,
  container: undefined,
  in_user_namespace: false,
  limits: { mount: 9000, pid: 9000, ipc: 9000, uts: 9000, net: 9000 },
  apparmor_profile: '',
  apparmor_restricts_userns: false,
  seccomp: false,
}
const without = (bit: bigint): bigint => CAPABLE & ~(1n << bit)
const NO_ADMIN = without(21n)
const EPERM = 'Operation not permitted'

for (const [title, step, words, facts, cause] of [
  [
    'a sysctl that forbids network namespaces',
    'net',
    'No space left on device',
    { limits: { net: 0 } },
    /^the sysctl user\.max_net_namespaces is 0, which forbids them: run "sysctl -w user\.max_net_namespaces=10000"$/,
  ],
  [
    'a sysctl in a container that forbids mount namespaces',
    'mount',
    'No space left on device',
    { limits: { mount: 0 }, container: 'podman' },
    /user\.max_mnt_namespaces=10000" on the host$/,
  ],
  [
    'a limit on PID namespaces that has been reached',
    'pid',
    'No space left on device',
    { limits: { pid: 12 } },
    /^the limit of the sysctl user\.max_pid_namespaces \(12\) has been reached/,
  ],
  [
    'root without CAP_SYS_ADMIN',
    'mount',
    EPERM,
    { capabilities: NO_ADMIN },
    /^this process is root without CAP_SYS_ADMIN: start it from a root shell/,
  ],
  [
    'a container that lacks CAP_SYS_ADMIN and has a seccomp filter',
    'mount',
    EPERM,
    { capabilities: NO_ADMIN, container: 'docker', seccomp: true },
    /^this container \(docker\) has no CAP_SYS_ADMIN: start it with --privileged/,
  ],
  [
    'a container without CAP_NET_ADMIN',
    'loopback',
    'RTNETLINK answers: Operation not permitted',
    { capabilities: without(12n), container: 'podman' },
    /^this container \(podman\) has no CAP_NET_ADMIN/,
  ],
  [
    'a user namespace under the AppArmor limit of Ubuntu',
    'mount',
    EPERM,
    {
      capabilities: 0n,
      in_user_namespace: true,
      apparmor_profile: 'unprivileged_userns (enforce)',
      apparmor_restricts_userns: true,
    },
    /kernel\.apparmor_restrict_unprivileged_userns is 1, as on Ubuntu\): run it as root on the host, or run "sysctl -w kernel\.apparmor_restrict_unprivileged_userns=0"/,
  ],
  [
    'the AppArmor profile of a container',
    'tmpfs',
    'permission denied',
    { apparmor_profile: 'docker-default (enforce)', container: 'docker' },
    /^the AppArmor profile docker-default \(enforce\) of this container forbids it: start it with --privileged/,
  ],
  [
    'a seccomp filter of a service',
    'uts',
    EPERM,
    { seccomp: true },
    /^a seccomp filter forbids it: .*SystemCallFilter=/,
  ],
  [
    'the seccomp filter of a container',
    'mount',
    EPERM,
    { seccomp: true, container: 'docker' },
    /^the seccomp filter of this container \(docker\) forbids it/,
  ],
  [
    'a container that hides parts of /proc',
    'proc',
    'permission denied',
    { container: 'kubernetes' },
    /^this container \(kubernetes\) hides parts of \/proc: .*securityContext\.privileged: true/,
  ],
  [
    'overlay mounts in a user namespace',
    'overlay',
    'permission denied',
    { in_user_namespace: true },
    /Linux before 5\.11 has no overlay mounts there/,
  ],
  [
    'a kernel without the overlay file system',
    'overlay',
    "unknown filesystem type 'overlay'",
    {},
    /modprobe overlay/,
  ],
  ['a kernel without the namespace', 'ipc', 'Invalid argument', {}, /built without ipc namespaces/],
  ['no visible reason', 'mount', EPERM, {}, /dmesg/],
] as const)
  test(`causeOf() explains ${title}`, () =>
    assert.match(causeOf(step, words, { ...FREE, ...facts }), cause))

const noRoot = process.getuid?.() === 0 ? false : 'needs root'

/** Returns the faults that sandboxFaults() finds in a child process started through `command`. */
async function faultsBelow(...command: string[]): Promise<string> {
  const module = new URL('./sandbox-faults.ts', import.meta.url).href
  const script = `const { sandboxFaults } = await import(${JSON.stringify(module)})
console.log(JSON.stringify(await sandboxFaults()))`
  const [program = '', ...args] = command
  const node = [process.execPath, '--input-type=module', '-e', script]
  const ran = await run(program, [...args, ...node], { answer_only: true, timeout_ms: 60_000 })
  assert.ok(ran.ok, ran.output)
  const faults = JSON.parse(ran.output) as string[]
  assert.ok(faults.length <= 1, ran.output)
  return faults[0] ?? 'none'
}

const facts = readNamespaceSupport()
const rightsMissing =
  noRoot ||
  ((await faultsBelow('env')) === 'none' ? false : 'builds cannot run where these tests run')

test('sandboxFaults() reports that root lacks CAP_SYS_ADMIN', { skip: rightsMissing }, async () => {
  const fault = await faultsBelow('setpriv', '--bounding-set', '-sys_admin')
  assert.match(fault, /^Cannot create mount namespaces \(Operation not permitted\): /)
  assert.match(
    fault,
    facts.container === undefined ? /is root without CAP_SYS_ADMIN/ : /has no CAP_SYS_ADMIN/,
  )
})

test('sandboxFaults() reports that root lacks CAP_NET_ADMIN', { skip: rightsMissing }, async () =>
  assert.match(
    await faultsBelow('setpriv', '--bounding-set', '-net_admin'),
    /^Cannot bring up the loopback device of a new network namespace .* CAP_NET_ADMIN/,
  ),
)

for (const [namespace, kernelName, name] of [
  ['mount', 'mnt', 'mount'],
  ['net', 'net', 'network'],
  ['pid', 'pid', 'PID'],
  ['user', 'user', 'user'],
])
  test(
    `sandboxFaults() reports a sysctl that forbids ${namespace} namespaces`,
    { skip: rightsMissing },
    async () => {
      const sysctl = `user.max_${kernelName}_namespaces`
      // A new user namespace has limits of its own, so those of the machine do not change.
      const forbid = `echo 0 >/proc/sys/user/max_${kernelName}_namespaces; exec "$@"`
      const fault = await faultsBelow(
        'unshare',
        '--user',
        '--map-root-user',
        'sh',
        '-c',
        forbid,
        'sh',
      )
      assert.match(fault, new RegExp(`^Cannot create ${name} namespaces .No space left on device.`))
      assert.ok(fault.includes(`the sysctl ${sysctl} is 0`), fault)
    },
  )
