import assert from 'node:assert/strict'
import {
  chownSync,
  lchownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import pg from 'pg'
import { startEmbeddedPostgres } from './embedded-postgres.ts'

const skip = process.getuid?.() !== 0 && 'only root runs PostgreSQL under a separate account'
const NOBODY = 65534

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'copr-postgres-account-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Returns the user ids (real, effective, saved, file system) of the server whose data is in the folder. */
function uidsIn(data: string): number[] {
  const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return /^Uid:\s+(.*)$/m.exec(status)?.[1]?.split('\t').map(Number) ?? []
}

const ownersOf = (dir: string): Set<number> =>
  new Set([
    statSync(dir).uid,
    ...readdirSync(dir, { withFileTypes: true, recursive: true }).map(
      ({ parentPath, name }) => statSync(join(parentPath, name)).uid,
    ),
  ])

async function answers(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  assert.equal((await client.query('select 1 as one')).rows[0].one, 1)
  await client.end()
}

test(
  'PostgreSQL runs under its own user id, which nothing else on the machine uses',
  { skip },
  async (t) => {
    const dirs = [folder(t), folder(t)]
    const uids: number[] = []
    for (const dir of dirs) {
      await using server = await startEmbeddedPostgres({ dir, password: 'x', unsafe: true })
      await answers(server.url)
      const [uid = 0, ...others] = uidsIn(join(dir, 'data'))
      uids.push(uid)
      assert.deepEqual(others, [uid, uid, uid])
      const known = readFileSync('/etc/passwd', 'utf8')
        .split('\n')
        .map((line) => Number(line.split(':')[2]))
      assert.ok(uid > 0 && !known.includes(uid), `it runs as ${uid}`)
      assert.deepEqual(ownersOf(join(dir, 'data')), new Set([uid]))
      assert.equal(statSync(join(dir, 'data')).mode & 0o777, 0o700)
    }
    assert.equal(new Set(uids).size, 2)
  },
)

test(
  'a database owned by the user `nobody` gets a private account as its owner, and later starts use the same account',
  { skip },
  async (t) => {
    const dir = folder(t)
    const options = { dir, password: 'x', unsafe: true }
    {
      await using _server = await startEmbeddedPostgres(options)
    }
    for (const { parentPath, name } of readdirSync(dir, { withFileTypes: true, recursive: true }))
      lchownSync(join(parentPath, name), NOBODY, NOBODY)
    chownSync(dir, NOBODY, NOBODY)
    const seen: number[] = []
    for (let start = 1; start <= 2; start++) {
      await using server = await startEmbeddedPostgres(options)
      await answers(server.url)
      seen.push(uidsIn(join(dir, 'data'))[0] ?? 0)
    }
    assert.notEqual(seen[0], NOBODY)
    assert.equal(seen[1], seen[0])
    assert.ok(!ownersOf(join(dir, 'data')).has(NOBODY))
  },
)
