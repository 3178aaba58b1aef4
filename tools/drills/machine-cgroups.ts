import assert from 'node:assert/strict'
import type { Machine } from '../machine/boot.ts'

/** The parent cgroup of all sandboxes; equals PARENT_CGROUP in packages/builder/src/sandbox/cgroup.ts. */
const PARENT = '/sys/fs/cgroup/copr-builder'
const CONTENTION_SECONDS = 20

/** Checks that systemd is process 1 and that only cgroup v2 is mounted. */
export async function checkCgroupV2(machine: Machine): Promise<void> {
  assert.equal((await machine.runOrThrow('cat /proc/1/comm')).trim(), 'systemd')
  await machine.runOrThrow('test -f /sys/fs/cgroup/cgroup.controllers')
  const mounts = await machine.runOrThrow('findmnt -rn -t cgroup,cgroup2 -o FSTYPE,TARGET')
  assert.equal(mounts.trim(), 'cgroup2 /sys/fs/cgroup')
}

export interface MemoryEvents {
  /** How often a cgroup reached its own memory limit and could not reclaim memory. */
  oom: number
  /** The number of processes that the OOM killer killed. */
  oom_kill: number
}

/** Reads the kernel's counters for all sandboxes so far, including those that no longer exist. */
export async function memoryEvents(machine: Machine): Promise<MemoryEvents> {
  const text = await machine.runOrThrow(`cat ${PARENT}/memory.events 2>/dev/null || true`)
  const count = (name: string): number =>
    Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
  return { oom: count('oom'), oom_kill: count('oom_kill') }
}

/** Returns the weights and the enabled controllers of the sandboxes' parent cgroup, for the log. */
export async function describeWeights(machine: Machine): Promise<string> {
  const names = 'cgroup.subtree_control cpu.weight io.weight io.bfq.weight'
  return await machine.runOrThrow(
    `cd ${PARENT} && for name in ${names}; do [ ! -e $name ] || echo "$name: $(cat $name)"; done`,
  )
}

/**
 * Runs a busy loop in the sandboxes' parent cgroup and another in a service, both on the same CPU. Returns the parent cgroup's share of the
 * CPU time, which is a third if its weight is half the default.
 */
export async function shareUnderContention(machine: Machine): Promise<number> {
  const busy = `taskset -c 0 timeout ${CONTENTION_SECONDS} sh -c 'while :; do :; done'`
  const used = (group: string): string => `sed -n 's/^usage_usec //p' ${group}/cpu.stat`
  const script = `set -eu
service=/sys/fs/cgroup/system.slice/contention
mkdir ${PARENT}/contention $service
(echo 0 >${PARENT}/contention/cgroup.procs; ${busy} || :) &
(echo 0 >$service/cgroup.procs; ${busy} || :) &
wait
echo $(${used(`${PARENT}/contention`)}) $(${used('$service')})
rmdir ${PARENT}/contention $service`
  const [sandboxes = NaN, service = NaN] = (await machine.runOrThrow(script))
    .trim()
    .split(' ')
    .map(Number)
  return sandboxes / (sandboxes + service)
}
