import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { buildDiskFaults } from '../disk/build-disk-faults.ts'
import { openBuildDisk } from '../disk/build-disk.ts'
import { cached } from './cache.ts'

const MIB = 1024 ** 2
const faults = await buildDiskFaults()
const skip = faults.length > 0 && faults.join('; ')

/** Returns a cache, a function that uses it, and the directory of a build on a disk of its own. */
async function cacheFixture(t: TestContext, { cache_bytes = 0 } = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'copr-cache-'))
  const hold = new AsyncDisposableStack()
  t.after(async () => {
    await hold.disposeAsync()
    await rm(dir, { recursive: true, force: true })
  })
  const disk = async (name: string, bytes: number): Promise<string> => {
    const mount_point = join(dir, name)
    await mkdir(mount_point)
    const { signal } = new AbortController()
    hold.use(await openBuildDisk({ image: `${mount_point}.img`, mount_point, bytes, signal }))
    return mount_point
  }
  const work_dir = await disk('build', 256 * MIB)
  const folder = {
    dir: cache_bytes > 0 ? await disk('cache', cache_bytes) : join(dir, 'cache'),
    keep: 2,
  }
  const reasons: string[] = []
  const use = async (
    key: string,
    make: (dir: string) => Promise<void>,
    signal = new AbortController().signal,
  ): Promise<string> => {
    const onUncached = (reason: string): void => void reasons.push(reason)
    return await cached(folder, key, { make, work_dir, onUncached, signal, hold })
  }
  /** Returns the entries of the cache except its locks. */
  const entries = async (): Promise<string[]> =>
    (await readdir(folder.dir)).filter((name) => !name.endsWith('.lock') && name !== 'lost+found')
  return { dir, folder, work_dir, use, reasons, entries }
}

test(
  'a directory that was made on another disk is copied with its links, attributes and holes',
  { skip },
  async (t) => {
    const { use, work_dir, reasons } = await cacheFixture(t)
    const secret = join(work_dir, 'secret')
    await writeFile(secret, 'not part of the directory')
    const dir = await use('a1', async (made) => {
      assert.ok(made.startsWith(work_dir))
      await writeFile(join(made, 'one'), 'text')
      await symlink(secret, join(made, 'link'))
      await symlink('/etc', join(made, 'folder'))
      const sparse = await open(join(made, 'sparse'), 'w')
      await sparse.truncate(50 * MIB)
      await sparse.close()
      await writeFile(join(made, 'zeros'), Buffer.alloc(20 * MIB))
      const script = `cd "$1"; ln one two; chmod 4711 one; touch -d @1000 one; mknod gone c 0 0; mkfifo pipe; chown 61000:61000 pipe
python3 -c 'import os
os.setxattr(".", "trusted.overlay.opaque", b"y")
os.setxattr("one", "security.capability", bytes([1,0,0,2,0,4,0,0,0,0,0,0,0,0,0,0,0,0,0,0]))'`
      execFileSync('sh', ['-euc', script, 'sh', made])
    })
    assert.deepEqual(reasons, [])
    const [one, two] = [await stat(join(dir, 'one')), await stat(join(dir, 'two'))]
    assert.equal(one.ino, two.ino)
    assert.equal(one.mode & 0o7777, 0o4711)
    assert.equal(one.mtimeMs, 1_000_000)
    assert.equal(await readlink(join(dir, 'link')), secret)
    assert.equal(await readlink(join(dir, 'folder')), '/etc')
    for (const name of ['sparse', 'zeros']) {
      const { size, blocks } = await stat(join(dir, name))
      assert.ok(size >= 20 * MIB && blocks === 0, `${name}: ${size} ${blocks}`)
    }
    assert.ok((await stat(join(dir, 'gone'))).isCharacterDevice())
    assert.equal((await stat(join(dir, 'pipe'))).uid, 61000)
    const read = `import os,sys
print(os.getxattr(sys.argv[1], "trusted.overlay.opaque").decode(), len(os.getxattr(sys.argv[1] + "/one", "security.capability")))`
    assert.equal(execFileSync('python3', ['-c', read, dir]).toString(), 'y 20\n')
    assert.deepEqual(await readdir(work_dir), ['secret'])
  },
)

test('a directory is made once, and later calls reuse it', { skip }, async (t) => {
  const { use, folder } = await cacheFixture(t)
  const first = await use('a1', (made) => writeFile(join(made, 'x'), 'first'))
  const second = await use('a1', () => assert.fail('made again'))
  assert.equal(first, second)
  assert.equal(first, join(folder.dir, 'a1'))
  assert.equal(await readFile(join(first, 'x'), 'utf8'), 'first')
})

test('a directory for which the cache has no space is used in place', { skip }, async (t) => {
  const { use, work_dir, reasons, entries } = await cacheFixture(t, { cache_bytes: 128 * MIB })
  const make = (made: string): Promise<void> =>
    writeFile(join(made, 'x'), Buffer.alloc(40 * MIB, 1))
  const dir = await use('a1', make)
  assert.ok(dir.startsWith(work_dir))
  assert.equal((await stat(join(dir, 'x'))).size, 40 * MIB)
  assert.match(reasons.join(), /^it has \d+ bytes, and a quarter of the free space is \d+$/)
  assert.deepEqual(await entries(), [])
  await use('a2', async (made) => {
    for (let i = 0; i < 2100; i++) await writeFile(join(made, String(i)), '')
  })
  assert.match(reasons[1] ?? '', /^it has \d+ files, and a quarter of the free inodes is \d+$/)
  assert.deepEqual(await entries(), [])
})

test('a failed copy into the cache leaves nothing behind', { skip }, async (t) => {
  const { use, work_dir, reasons, entries } = await cacheFixture(t)
  const dir = await use('a1', async (made) => {
    const script = 'cd "$1"; n=$(printf %0200d 0); for i in $(seq 30); do mkdir $n; cd ./$n; done'
    execFileSync('bash', ['-euc', script, 'bash', made])
  })
  assert.ok(dir.startsWith(work_dir))
  assert.match(reasons.join(), /^copying it failed: .*File name too long/)
  assert.deepEqual(await entries(), [])
})

test('canceling before the copy leaves nothing in the cache', { skip }, async (t) => {
  const { use, entries } = await cacheFixture(t)
  const cancel = new AbortController()
  const copying = use(
    'a1',
    async (made) => {
      await writeFile(join(made, 'x'), Buffer.alloc(MIB, 1))
      cancel.abort('canceled')
    },
    cancel.signal,
  )
  await assert.rejects(copying, (error) => error === 'canceled')
  assert.deepEqual(await entries(), [])
})

test(
  'an incomplete copy left by a killed process is removed, and the oldest directories are pruned',
  { skip },
  async (t) => {
    const { use, folder, entries } = await cacheFixture(t)
    await mkdir(join(folder.dir, 'a1.new-left'), { recursive: true })
    await mkdir(join(folder.dir, 'b1.new-left'))
    await mkdir(join(folder.dir, 'c1'))
    await mkdir(join(folder.dir, 'c2'))
    execFileSync('touch', ['-d', '@1000', join(folder.dir, 'c1')])
    await use('a1', (made) => writeFile(join(made, 'x'), ''))
    assert.deepEqual((await entries()).toSorted(), ['a1', 'c2'])
  },
)
