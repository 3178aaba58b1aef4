import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { holdLock } from './lock.ts'

const ownChildren = (): string[] =>
  readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean)

test(
  'a lock is released even if Ctrl-C has killed the process that holds it',
  { timeout: 120_000 },
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'copr-test-lock-'))
    try {
      const before = ownChildren()
      const lock = await holdLock(join(dir, 'lock'))
      const [holder] = ownChildren().filter((pid) => !before.includes(pid))
      assert.ok(holder)
      process.kill(Number(holder), 'SIGINT')
      while (ownChildren().includes(holder)) await sleep(10)
      await lock[Symbol.asyncDispose]()
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  },
)
