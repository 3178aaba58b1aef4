/** Tests which baked images are deleted and which are kept, and how failed deletions are reported. */
import assert from 'node:assert/strict'
import { after, afterEach, before, suite, test } from 'node:test'
import { DescribeSnapshotsCommand } from '@aws-sdk/client-ec2'
import { type AwsFixture, awsFixture } from './aws-fixture.ts'
import { type BakeBench, bakeBench } from './bake-bench.ts'

suite('unneeded images of an EC2 pool', { timeout: 600_000 }, () => {
  let fixture: AwsFixture
  let bench: BakeBench

  before(async () => {
    fixture = await awsFixture()
    bench = bakeBench(fixture)
  })
  after(async () => {
    await fixture?.[Symbol.asyncDispose]()
  })
  afterEach(async () => {
    assert.deepEqual(await bench.living(), [], 'no machine is left')
  })

  test('a bake with --keep removes the oldest images and their snapshots', async () => {
    bench.fresh()
    const ids: string[] = []
    for (let i = 0; i < 3; i++) ids.push((await bench.bake(bench.installs)).image_id)
    const snapshots = async (): Promise<string[]> => {
      const { Snapshots = [] } = await fixture.ec2.send(new DescribeSnapshotsCommand({}))
      return Snapshots.map(({ Description = '' }) => /ami-\w+/.exec(Description)?.[0] ?? '')
    }
    assert.deepEqual(
      (await snapshots()).filter((each) => ids.includes(each)).toSorted(),
      ids.toSorted(),
    )
    const { image_id, removed } = await bench.bake(bench.installs, { keep: 2 })
    assert.equal(removed.length, 2)
    const left = (await bench.images()).map(({ ImageId = '' }) => ImageId)
    assert.equal(left.length, 2)
    assert.ok(left.includes(image_id))
    const kept = (await snapshots()).filter((each) => [...ids, image_id].includes(each))
    assert.deepEqual(kept.toSorted(), left.toSorted())
  })

  test('an image that a pool names is never removed, and baking again starts from the original source image', async () => {
    bench.fresh()
    const first = await bench.bake(bench.installs)
    const pinned = bench.poolOf({ image: { id: first.image_id } })
    const second = await bench.bake(bench.installs, { pool: pinned })
    assert.equal(second.source_image, first.source_image, 'not on top of what was baked')
    const third = await bench.bake(bench.installs, {
      pool: pinned,
      keep: 1,
      in_use: [second.image_id],
    })
    assert.deepEqual(third.removed, [])
    const left = (await bench.images()).map(({ ImageId = '' }) => ImageId)
    assert.deepEqual(
      left.toSorted(),
      [first, second, third].map(({ image_id }) => image_id).toSorted(),
    )
    const fourth = await bench.bake(bench.installs, { keep: 1 })
    assert.equal(fourth.removed.length, 3, 'once none names them')
  })

  test('a baked image whose source image no longer exists cannot be baked again; the error contains the remedy', async () => {
    bench.fresh()
    const { image_id, source_image } = await bench.bake(bench.installs)
    const gone = 'ami-0123456789abcdef0'
    using _gone = fixture.proxy.reword(
      `<key>copr-source-image</key><value>${source_image}<`,
      `<key>copr-source-image</key><value>${gone}<`,
    )
    await assert.rejects(
      bench.bake(bench.installs, { pool: bench.poolOf({ image: { id: image_id } }) }),
      {
        message: `Cannot bake an image: ${image_id} is itself a baked image, and its source image ${gone} no longer exists; in pools.yaml, set "image" to a source image, and "baked: true"`,
      },
    )
  })

  test('a snapshot that EC2 does not remove is reported with the reason', async () => {
    bench.fresh()
    const { image_id } = await bench.bake(bench.installs)
    using _refused = fixture.proxy.reword('>success<', '>missing-permissions<')
    const { removed } = await bench.bake(bench.installs, { keep: 1 })
    assert.deepEqual(removed, [image_id])
    assert.match(
      bench.said.join('\n'),
      new RegExp(
        `Cannot remove a snapshot of ${image_id}: snap-[0-9a-f]+ \\(missing-permissions\\)`,
      ),
    )
    const abort = new AbortController()
    using _watch = fixture.proxy.onCall('CreateImage', () => abort.abort(new Error('stopping')))
    await assert.rejects(bench.bake(bench.installs, { signal: abort.signal }), /stopping/)
    assert.match(
      bench.said.join('\n'),
      /may still exist, with the tag copr-bake=nonce-\d+: Cannot remove a snapshot of ami-/,
    )
  })

  test('an interrupted bake leaves no image, even if EC2 does not list the image yet', async () => {
    bench.fresh()
    const abort = new AbortController()
    // The next response to DescribeImages lists no images.
    const what = { code: '', message: '', status: 200 }
    using _watch = fixture.proxy.onCall('CreateImage', () => {
      fixture.proxy.fail({ action: 'DescribeImages', what })
      abort.abort(new Error('stopping'))
    })
    await assert.rejects(bench.bake(bench.installs, { signal: abort.signal }), /stopping/)
    assert.deepEqual(await bench.images(), [])
  })
})
