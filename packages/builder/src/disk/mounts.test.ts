import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mountsBelow, parseMountinfo } from './mounts.ts'

const INFO = String.raw`22 27 0:21 / /proc rw,relatime - proc proc rw
43 42 7:1 / /var/builds\0401/a rw,nosuid,nodev,relatime shared:1 - ext4 /dev/loop1 rw
44 43 7:2 / /var/builds\0401/a/b\134c rw - ext4 /dev/loop2 rw
45 42 7:3 / /var/builds\0401/a rw - ext4 /dev/loop3 rw
46 42 7:4 / /var/builds\04012 rw - ext4 /dev/loop4 rw
`

test('parseMountinfo() decodes escaped characters in paths', () => {
  assert.deepEqual(
    parseMountinfo(INFO).map(({ mount_point }) => mount_point),
    ['/proc', '/var/builds 1/a', '/var/builds 1/a/b\\c', '/var/builds 1/a', '/var/builds 12'],
  )
})

test('mountsBelow() returns inner mounts before outer ones, and all mounts that share a mount point', () => {
  assert.deepEqual(
    mountsBelow('/var/builds 1', parseMountinfo(INFO)).map(({ device }) => device),
    ['7:2', '7:1', '7:3'],
  )
})
