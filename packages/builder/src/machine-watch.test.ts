import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mock, test } from 'node:test'
import { buildDiskFaults } from './disk/build-disk-faults.ts'
import { openBuildDisk } from './disk/build-disk.ts'
import { gaugesOf, MachineWatch } from './machine-watch.ts'

const faults = await buildDiskFaults()
const skip = faults.length > 0 && faults.join('; ')
const ROOM = 10 * 1024 ** 3

function watched() {
  const gauges = { free: ROOM, kills: 7 }
  const watch = new MachineWatch({ freeBytes: () => gauges.free, oomKills: () => gauges.kills }, 5)
  return { gauges, watch }
}

test('a machine with enough memory and disk is not blamed for a failed build', () => {
  using watch = watched().watch
  assert.equal(watch.blame('rpmbuild exited with code 1'), undefined)
})

test('an OOM kill during the build is reported as out of memory', () => {
  const { gauges, watch } = watched()
  using _watch = watch
  gauges.kills++
  const fault = watch.blame('rpmbuild exited with code 1')
  assert.equal(fault?.lost, 'out_of_memory')
  assert.match(fault?.message ?? '', /ran out of memory: rpmbuild exited/)
})

test('a disk that was full only briefly is still blamed', (t) => {
  t.after(() => mock.timers.reset())
  mock.timers.enable({ apis: ['setInterval'] })
  const { gauges, watch } = watched()
  using _watch = watch
  gauges.free = 4096
  mock.timers.tick(5)
  gauges.free = ROOM
  assert.equal(watch.blame('No space left on device')?.lost, 'disk_full')
})

test('gaugesOf() reads the free disk space and the number of OOM kills on this machine', () => {
  const gauges = gaugesOf('/')
  assert.ok(gauges.freeBytes() > 0)
  assert.ok(Number.isInteger(gauges.oomKills()))
})

test('a disk without free inodes counts as full', { skip }, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'copr-watch-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const mount_point = join(dir, 'disk')
  await mkdir(mount_point)
  await using _disk = await openBuildDisk({
    image: join(dir, 'image'),
    mount_point,
    bytes: 128 * 1024 ** 2,
    inodes: 200,
    signal: t.signal,
  })
  using watch = new MachineWatch(gaugesOf(mount_point))
  assert.equal(watch.blameDisk('failed'), undefined)
  for (let i = 0; i < 150; i++) await writeFile(join(mount_point, String(i)), '')
  assert.equal(watch.blameDisk('failed')?.lost, 'disk_full')
})
