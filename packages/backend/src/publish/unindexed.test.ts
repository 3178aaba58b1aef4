import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFile, chmod, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { missingTools } from '@copr/rpm/testing/real-rpm'
import { indexedPackages } from '../store/indexed-packages.ts'
import { type BuiltFile, buildPackages } from '../testing/packages.ts'
import { CHROOT, TestBackend } from '../testing/test-backend.ts'
import { publishDue } from './publish-loop.ts'
import { publishDueRepositories } from './publish-repository.ts'

const never = new AbortController().signal

let scratch: string
let hello: BuiltFile[]
let other: BuiltFile[]

/**
 * Publishes hello and other in the same generation of the repository; before that, calls `change` with the folder of hello's packages.
 * Returns the IDs of both builds.
 */
async function publishBoth(
  system: TestBackend,
  change: (place: string) => Promise<void> = () => Promise.resolve(),
): Promise<number[]> {
  const agent = await system.agent()
  const ids = [await system.built(agent, hello), await system.built(agent, other)]
  await publishDue(system.backend, never)
  await change(await placeOf(system, ids[0] ?? 0))
  await publishDueRepositories(system.backend, never)
  return ids
}

function repositoryOf(system: TestBackend): string {
  return join(system.results, 'dana/telescope', CHROOT)
}

async function placeOf(system: TestBackend, id: number): Promise<string> {
  return join(repositoryOf(system), (await system.build(id)).chroot?.result_dir ?? '')
}

/** Returns the file names in the published index. */
async function published(system: TestBackend): Promise<string[]> {
  const locations = [...(await indexedPackages(repositoryOf(system))).keys()]
  return locations.map((location) => location.replace(/^.*\//, '')).toSorted()
}

async function states(system: TestBackend, ids: number[]) {
  return await Promise.all(
    ids.map(async (id) => {
      const { state, chroot } = await system.build(id)
      return [state, chroot?.state_reason ?? null]
    }),
  )
}

/**
 * Runs `use` while a script replaces createrepo_c. In the script, `$list` is the path of the package list, and `$real` is the path of the
 * real createrepo_c.
 */
async function withCreaterepo(script: string, use: () => Promise<void>): Promise<void> {
  const path = process.env['PATH'] ?? ''
  const real = execFileSync('sh', ['-c', 'command -v createrepo_c'], { encoding: 'utf8' }).trim()
  const dir = await mkdtemp(join(scratch, 'bin-'))
  const program = `#!/bin/sh
real=${real}
for each; do case $each in --pkglist=*) list=\${each#--pkglist=};; esac; done
${script}
exec $real "$@"
`
  await writeFile(join(dir, 'createrepo_c'), program)
  await chmod(join(dir, 'createrepo_c'), 0o755)
  process.env['PATH'] = `${dir}:${path}`
  try {
    await use()
  } finally {
    process.env['PATH'] = path
  }
}

const OTHERS = ['other-1.0-1.noarch.rpm', 'other-1.0-1.src.rpm', 'other-doc-1.0-1.noarch.rpm']
const DOC = 'hello-doc-1.0-1.noarch.rpm'
const LEFT_OUT = `Cannot publish ${DOC}: it is missing from the repository metadata: createrepo_c cannot describe it, or its file is lost or damaged`

suite('an RPM that the index lacks', { skip: missingTools('rpmbuild', 'createrepo_c') }, () => {
  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'copr-unindexed-'))
    hello = await buildPackages(scratch)
    other = await buildPackages(scratch, { name: 'other' })
  })
  after(() => rm(scratch, { recursive: true, force: true }))

  test('if createrepo_c drops a package, only the build of that package fails', async () => {
    await using system = await TestBackend.start({ withKeygen: true })
    let ids: number[] = []
    await withCreaterepo(`sed -i /hello-doc/d "$list"`, async () => {
      ids = await publishBoth(system)
    })
    assert.deepEqual(await states(system, ids), [
      ['failed', LEFT_OUT],
      ['succeeded', null],
    ])
    assert.deepEqual(await published(system), OTHERS)
    const place = await placeOf(system, ids[0] ?? 0)
    const left = await readdir(place)
    assert.deepEqual(
      left.filter((name) => name.endsWith('.rpm') || name === 'success'),
      [],
    )
    assert.ok(left.includes('backend.log.gz'), left.join(' '))
    const built = await system.db.selectFrom('built_package').select('name').execute()
    assert.equal(built.length, 3)

    const again = await system.built(await system.agent(), hello)
    await publishDue(system.backend, never)
    await publishDueRepositories(system.backend, never)
    assert.deepEqual(await states(system, [again]), [['succeeded', null]])
    assert.equal((await published(system)).length, 6)
  })

  test('if createrepo_c crashes when it reads a package, only the build of that package fails', async () => {
    await using system = await TestBackend.start({ withKeygen: true })
    await withCreaterepo(`if grep -q hello-doc "$list"; then kill -SEGV $$; fi`, async () => {
      const ids = await publishBoth(system)
      assert.deepEqual(await states(system, ids), [
        ['failed', `Cannot publish ${DOC}: createrepo_c fails when it reads this package`],
        ['succeeded', null],
      ])
    })
    assert.deepEqual(await published(system), OTHERS)
  })

  test('no build fails if createrepo_c fails even without any packages', async () => {
    await using system = await TestBackend.start({ withKeygen: true })
    let ids: number[] = []
    await withCreaterepo('exit 1', async () => {
      ids = await publishBoth(system)
      assert.deepEqual(await states(system, ids), [
        ['running', null],
        ['running', null],
      ])
    })
    await publishDueRepositories(system.backend, never)
    assert.deepEqual(await states(system, ids), [
      ['succeeded', null],
      ['succeeded', null],
    ])
  })

  for (const [what, damage, reason] of [
    [
      'is cut short',
      (file: string) => truncate(file, 100),
      /is missing from the repository metadata/,
    ],
    ['is lost', (file: string) => rm(file), /is missing from the repository metadata/],
    [
      'gets other content',
      (file: string) => appendFile(file, 'more'),
      /its SHA-256 is \w{64} instead of \w{64}: it has changed since it was verified/,
    ],
  ] as const)
    test(`a package fails its build, and no other, if it ${what} after its verification`, async () => {
      await using system = await TestBackend.start({ withKeygen: true })
      const ids = await publishBoth(system, (place) => damage(join(place, DOC)))
      const [first, second] = await states(system, ids)
      assert.equal(first?.[0], 'failed')
      assert.match(first?.[1] ?? '', reason)
      assert.deepEqual(second, ['succeeded', null])
      assert.deepEqual(await published(system), OTHERS)
    })

  test('when a later index is made from the package files, a damaged package is left out and the others stay', async () => {
    await using system = await TestBackend.start({ withKeygen: true })
    const ids = await publishBoth(system)
    await truncate(join(await placeOf(system, ids[0] ?? 0), DOC), 100)
    await rm(join(repositoryOf(system), 'repodata'))
    await system.db.updateTable('repository').set({ generation: 100 }).execute()
    await publishDueRepositories(system.backend, never)
    assert.deepEqual(await published(system), [
      'hello-1.0-1.noarch.rpm',
      'hello-1.0-1.src.rpm',
      ...OTHERS,
    ])
    assert.deepEqual(await states(system, ids), [
      ['succeeded', null],
      ['succeeded', null],
    ])
  })
})
