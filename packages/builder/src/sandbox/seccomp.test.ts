import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seccompFilter } from './seccomp.ts'

const PROFILE = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: 38,
  archMap: [
    { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] },
    { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: [] },
  ],
  syscalls: [
    { names: ['read', 'keyctl', 'socket', 'unshare', 'clone'], action: 'SCMP_ACT_ALLOW', args: [] },
    { names: ['chroot'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_CHROOT'] } },
    {
      names: ['chroot'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: 1,
      excludes: { caps: ['CAP_SYS_CHROOT'] },
    },
    { names: ['s390_pci_mmio_read'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['s390x'] } },
    { names: ['mount', 'io_uring_setup'], action: 'SCMP_ACT_ALLOW' },
  ],
}

function rulesFor(name: string, options: { capabilities?: string[]; arch?: string } = {}) {
  const { capabilities = [], arch = 'x86_64' } = options
  const { syscalls } = seccompFilter(PROFILE, { capabilities, arch })
  return syscalls.filter(({ names }) => names.includes(name))
}

test('seccompFilter() keeps the rules of the profile that apply to the given capabilities', () => {
  assert.deepEqual(rulesFor('read'), [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }])
  assert.deepEqual(
    rulesFor('chroot').map(({ action }) => action),
    ['SCMP_ACT_ERRNO'],
  )
  assert.deepEqual(
    rulesFor('chroot', { capabilities: ['CAP_SYS_CHROOT'] }).map(({ action }) => action),
    ['SCMP_ACT_ALLOW'],
  )
  assert.deepEqual(rulesFor('s390_pci_mmio_read'), [])
})

test('seccompFilter() refuses system calls that the profile allows but builds do not need', () => {
  for (const name of [
    'keyctl',
    'unshare',
    'setns',
    'mount',
    'io_uring_setup',
    'bpf',
    'userfaultfd',
  ])
    assert.deepEqual(
      rulesFor(name).map(({ action, errnoRet }) => [action, errnoRet]),
      [['SCMP_ACT_ERRNO', 1]],
      name,
    )
  assert.deepEqual(
    rulesFor('clone3').map(({ errnoRet }) => errnoRet),
    [38],
  )
})

test('seccompFilter() allows socket() only for the families AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK', () => {
  const rules = rulesFor('socket')
  assert.ok(rules.every(({ args = [] }) => args.length > 0))
  const families = new Set(rules.map(({ args = [] }) => args[0]?.value))
  assert.deepEqual(families, new Set([1, 2, 10, 16]))
})

test('seccompFilter() allows socketcall(2), which hides the address family, only where the C library needs it', () => {
  const actionsFor = (arch: string) => rulesFor('socketcall', { arch }).map((rule) => rule.action)
  assert.deepEqual(actionsFor('i686'), ['SCMP_ACT_ALLOW'])
  assert.deepEqual(actionsFor('x86_64'), ['SCMP_ACT_ERRNO'])
  // If a rule equals the default action, runc leaves it out, and libseccomp then allows the call.
  assert.notDeepEqual(rulesFor('socketcall')[0]?.errnoRet, PROFILE.defaultErrnoRet)
})
