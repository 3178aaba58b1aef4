import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { machineFaults } from '../check-machine.ts'
import { hasProcessPeak, PARENT_CGROUP } from './cgroup.ts'
import { limitsOfMachine } from './limits.ts'
import { runSandboxed } from './sandbox.ts'

const faults = await machineFaults()
const skip = faults.length > 0 && faults.join('; ')

test(
  'a command that exceeds its memory limit is killed, and the result names the limit',
  { skip },
  async () => {
    const { exhausted } = await limited({ memory_bytes: 256 * 1024 ** 2 }, [
      'python3',
      '-c',
      'x = [bytearray(2**20) for _ in range(4096)]',
    ])
    assert.equal(exhausted, 'it reached its memory limit of 0.3 GiB')
  },
)

test('/dev/shm is bounded, and counts as memory', { skip }, async () => {
  const { code, output } = await limited({ shared_memory_bytes: 2 ** 20 }, [
    'sh',
    '-c',
    'head -c 2M /dev/zero >/dev/shm/file',
  ])
  assert.notEqual(code, 0)
  assert.match(output, /No space left on device/)
})

test('a fork bomb stays within its process limit', { skip }, async () => {
  const { exhausted } = await limited({ processes: 50 }, [
    'sh',
    '-c',
    'for i in $(seq 100); do sleep 1000 & done',
  ])
  assert.equal(exhausted, 'it reached its limit of 50 processes')
})

test(
  'the process limit is also set as a resource limit, so that fork() fails early',
  { skip },
  async (t) => {
    const { output } = await limited({ processes: 50 }, [
      'grep',
      'Max processes',
      '/proc/self/limits',
    ])
    if (!(await hasProcessPeak())) return t.skip('this kernel does not tell the peak of processes')
    assert.match(output, /^Max processes +50 +50 /)
  },
)

test(
  'a command that stays within its limits is not reported to have exhausted one',
  { skip },
  async () => {
    assert.deepEqual(await limited({}, ['true']), { code: 0, output: '' })
  },
)

/** Returns the content of the first of these files that exists. */
async function valueIn(...paths: string[]): Promise<string | undefined> {
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch(() => undefined)
    if (text !== undefined) return text.trim()
  }
  return undefined
}

test('the parent cgroup of all sandboxes has half the default weight', { skip }, async () => {
  const groups = '/sys/fs/cgroup'
  const [v1, v2] = [`${groups}/cpu${PARENT_CGROUP}`, `${groups}${PARENT_CGROUP}`]
  // Runs a sandbox first, because the weights must persist after a sandbox has used the controllers.
  assert.equal((await limited({}, ['true'])).code, 0)
  const isUnified = (await valueIn(`${groups}/cgroup.controllers`)) !== undefined
  if (!isUnified) return assert.equal(await valueIn(`${v1}/cpu.shares`), '512')
  assert.equal(await valueIn(`${v2}/cpu.weight`), '50')
  assert.match((await valueIn(`${v2}/io.weight`)) ?? 'default 50', /^default 50$/m)
  const enabled = await valueIn(`${v2}/cgroup.subtree_control`)
  assert.match(enabled ?? '', /\bcpu\b/)
})

async function limited(limits: Partial<ReturnType<typeof limitsOfMachine>>, command: string[]) {
  const dir = await mkdtemp(join(tmpdir(), 'copr-limits-'))
  try {
    const root = { directory: join(dir, 'root') }
    await mkdir(root.directory)
    const { signal } = new AbortController()
    const all = { ...limitsOfMachine(), ...limits }
    return await runSandboxed({ root, as: 'tools', command, limits: all, signal })
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

test("the limit of open files does not exceed the agent's own", () => {
  const script = `const { limitsOfMachine } = await import('${new URL('limits.ts', import.meta.url).href}')
process.stdout.write(String(limitsOfMachine().open_files))`
  const limited = ['-c', 'ulimit -n 512; exec "$@"', 'sh', process.execPath, '--input-type=module']
  assert.equal(execFileSync('/bin/sh', [...limited, '--eval', script], { encoding: 'utf8' }), '512')
})
