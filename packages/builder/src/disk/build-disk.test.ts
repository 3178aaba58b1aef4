import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, statfsSync, writeSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildDiskFaults } from './build-disk-faults.ts'
import { type BuildDisk, openBuildDisk } from './build-disk.ts'
import { readMounts, unmountBelow } from './mounts.ts'

const MIB = 1024 ** 2
const faults = await buildDiskFaults()
const skip = faults.length > 0 && faults.join('; ')

async function directory(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'copr-build disk-'))
  t.after(async () => {
    await unmountBelow(dir)
    await rm(dir, { recursive: true, force: true })
  })
  await mkdir(join(dir, 'disk'))
  return dir
}

async function open(dir: string, bytes = 64 * MIB, inodes?: number): Promise<BuildDisk> {
  return await openBuildDisk({
    image: join(dir, 'image'),
    mount_point: join(dir, 'disk'),
    bytes,
    ...(inodes !== undefined && { inodes }),
    signal: AbortSignal.timeout(60_000),
  })
}

/** Writes to a file until the disk is full; returns the number of bytes written. */
function fill(path: string): number {
  const file = openSync(path, 'w')
  const chunk = Buffer.alloc(MIB, 7)
  try {
    for (let written = 0; ;)
      try {
        written += writeSync(file, chunk)
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
        return written
      }
  } finally {
    closeSync(file)
  }
}

/** Returns the images of all loop devices. */
async function images(): Promise<string> {
  const devices = (await readdir('/sys/block')).filter((name) => name.startsWith('loop'))
  const files = devices.map((name) => `/sys/block/${name}/loop/backing_file`)
  return (await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))).join('')
}

/** Waits until the kernel has released the loop devices of a directory's images, which can take a moment after an unmount. */
async function released(dir: string): Promise<void> {
  while ((await images()).includes(dir)) await sleep(20)
}

test(
  'a disk is empty and private, has no image file, and takes no space before it is used',
  { skip },
  async (t) => {
    const dir = await directory(t)
    const { bavail, bsize } = statfsSync(dir)
    const bytes = 10 * bavail * bsize
    await using disk = await open(dir, bytes)
    assert.deepEqual(await readdir(dir), ['disk'])
    assert.deepEqual(await readdir(join(dir, 'disk')), [])
    assert.equal((await stat(join(dir, 'disk'))).mode & 0o777, 0o700)
    const { free_bytes, filled } = disk.usage()
    assert.ok(free_bytes > 0.9 * bytes, String(free_bytes))
    assert.equal(filled, undefined)
  },
)

test(
  'a full disk refuses writes, even by root, and stays marked as full after files are removed',
  { skip },
  async (t) => {
    const dir = await directory(t)
    await using disk = await open(dir)
    assert.equal(disk.usage().filled, undefined)
    const written = fill(join(dir, 'disk', 'big'))
    assert.ok(written > 50 * MIB && written < 64 * MIB, String(written))
    assert.equal(disk.usage().filled, 'bytes')
    await rm(join(dir, 'disk', 'big'))
    const { filled, free_bytes } = disk.usage()
    assert.equal(filled, 'bytes')
    assert.ok(free_bytes > 50 * MIB)
    assert.equal(disk.hasLostData(), false)
  },
)

test('a disk has a limit on its number of files', { skip }, async (t) => {
  const dir = await directory(t)
  await using disk = await open(dir, 64 * MIB, 2000)
  assert.equal(disk.inodes, 2000)
  const create = async (): Promise<void> => {
    for (let i = 0; i < 2001; i++) await writeFile(join(dir, 'disk', String(i)), '')
  }
  await assert.rejects(create(), { code: 'ENOSPC' })
  assert.equal(disk.usage().filled, 'inodes')
})

test(
  'a disk keeps set-user-ID bits, file attributes and whiteouts of overlays',
  { skip },
  async (t) => {
    const dir = await directory(t)
    await using _disk = await open(dir)
    const file = join(dir, 'disk', 'program')
    const script = `cp /bin/true "$1"; chmod 4755 "$1"; mknod "$1.gone" c 0 0
python3 -c 'import os,sys
os.setxattr(sys.argv[1], "trusted.overlay.opaque", b"y")
os.setxattr(sys.argv[1], "user.note", b"n")' "$1"`
    execFileSync('sh', ['-euc', script, 'sh', file])
    assert.equal((await stat(file)).mode & 0o7777, 0o4755)
    assert.ok((await stat(`${file}.gone`)).isCharacterDevice())
    const mount = (await readFile('/proc/self/mountinfo', 'utf8'))
      .split('\n')
      .find((line) => line.includes(`${dir.replaceAll(' ', '\\040')}/disk `))
    assert.match(mount ?? '', / rw,nosuid,nodev,/)
  },
)

test('disposing of a disk unmounts it and releases its loop device', { skip }, async (t) => {
  const dir = await directory(t)
  {
    await using _disk = await open(dir)
    fill(join(dir, 'disk', 'big'))
    assert.ok((await images()).includes(dir))
  }
  await released(dir)
  assert.deepEqual(await readdir(join(dir, 'disk')), [])
})

test(
  'disposing of a disk that a process uses unmounts it and throws an error, and the disk is freed when the process ends',
  { skip },
  async (t) => {
    const dir = await directory(t)
    const disk = await open(dir)
    const user = spawn('sh', ['-c', 'cd "$1"; echo in; exec sleep 1000', 'sh', join(dir, 'disk')])
    t.after(() => user.kill('SIGKILL'))
    await once(user.stdout, 'data')
    await assert.rejects(async () => await disk[Symbol.asyncDispose](), /still in use/)
    assert.ok(!(await readMounts()).some(({ mount_point }) => mount_point.startsWith(dir)))
    user.kill('SIGKILL')
    await once(user, 'exit')
    await released(dir)
  },
)

test(
  'disposing of a disk frees its space even while another mount namespace still has the mount',
  { skip },
  async (t) => {
    const machine = await directory(t)
    await using machineDisk = await open(machine, 512 * MIB)
    const dir = join(machine, 'disk')
    await mkdir(join(dir, 'disk'))
    const disk = await open(dir, 256 * MIB)
    fill(join(dir, 'disk', 'big'))
    execFileSync('sync', ['--file-system', join(dir, 'disk')])
    assert.ok(machineDisk.usage().used_bytes > 200 * MIB)
    const args = ['--mount', '--propagation', 'private', 'sh', '-c', 'echo in; exec sleep 1000']
    const other = spawn('unshare', args)
    t.after(() => other.kill('SIGKILL'))
    await once(other.stdout, 'data')
    await disk[Symbol.asyncDispose]()
    assert.ok(machineDisk.usage().used_bytes < 20 * MIB)
    other.kill('SIGKILL')
    await once(other, 'exit')
    await released(dir)
  },
)

test('a failed or canceled openBuildDisk() leaves neither mount nor file', { skip }, async (t) => {
  const dir = await directory(t)
  await assert.rejects(open(dir, MIB), /at least/)
  await assert.rejects(
    openBuildDisk({
      image: join(dir, 'image'),
      mount_point: join(dir, 'disk'),
      bytes: 64 * MIB,
      signal: AbortSignal.abort(),
    }),
  )
  await assert.rejects(open(dir, 64 * MIB, 100_000_000), /mkfs\.ext4/)
  assert.deepEqual(await readdir(dir), ['disk'])
  assert.ok(!(await images()).includes(dir))
})
