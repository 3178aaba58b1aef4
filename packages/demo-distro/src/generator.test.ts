import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generatorDigest } from './generator.ts'
import { thisHost } from './host-distribution.ts'

const skip = thisHost().kind === 'debian-like' ? false : 'needs a Debian or an Ubuntu'

test(
  'generatorDigest() changes if the package list or the os-release of the machine changes',
  { skip },
  async () => {
    const machine = { packageList: 'dnf\n', osRelease: 'ID=mini\n' }
    const digests = [
      await generatorDigest(),
      await generatorDigest(machine),
      await generatorDigest({ ...machine, packageList: 'dnf\nnpm\n' }),
      await generatorDigest({ ...machine, osRelease: 'ID=other\n' }),
    ]
    assert.equal(new Set(digests).size, digests.length)
    assert.equal(await generatorDigest({ ...machine }), digests[1])
  },
)
