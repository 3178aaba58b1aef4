import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { BuildAnswer } from '@copr/contract/api/builds'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'
import { fetchSample, type SampleName } from '@copr/testkit/samples/fetch-sample'
import { textAt } from '@copr/testkit/system/api-client'
import { buildSummary, failReason } from '@copr/testkit/system/build-summary'
import { type FollowedLog, followLog } from '@copr/testkit/system/follow-log'
import { assertBuildersIdle } from '@copr/testkit/system/leftovers'
import {
  checkPackages,
  readRepository,
  type RepositoryWatch,
  watchRepository,
} from '@copr/testkit/system/repository'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { rpmVerdict, type ScratchRoot, scratchRoot } from '@copr/testkit/system/scratch-root'
import { CACHE_DIR, startSystem, type System } from '@copr/testkit/system/start-system'

const PROJECT = 'real'
const BUILD_MS = 200_000

suite('real packages', { skip: whyNoSystem(process.env['PATH']) }, () => {
  let system: System
  let root: ScratchRoot
  let watch: RepositoryWatch
  const builds = new Map<SampleName, { id: number; log: Promise<FollowedLog> }>()
  const repoUrl = (): string =>
    `${system.url}/results/${system.api.username}/${PROJECT}/${DISTRO_CHROOT}/`
  const pubkeyUrl = (): string =>
    `${system.url}/results/${system.api.username}/${PROJECT}/pubkey.gpg`
  const idOf = (name: SampleName): number => builds.get(name)?.id ?? 0

  async function submit(name: SampleName, options: object = {}): Promise<number> {
    const { id } = await system.api.uploadBuild(
      PROJECT,
      await fetchSample(name, CACHE_DIR),
      options,
    )
    const log = followLog(system.api, id)
    log.catch(() => undefined) // reported where it is awaited
    builds.set(name, { id, log })
    return id
  }

  async function ends(name: SampleName, state: string): Promise<BuildAnswer> {
    const build = await system.api.waitForBuild(idOf(name), BUILD_MS)
    const tail = build.state === state ? '' : (await system.api.log(build.id)).slice(-3000)
    const reason = build.state === state ? '' : await failReason(system, build.id)
    assert.equal(build.state, state, `${name}: ${reason}\n${tail}`)
    return build
  }

  before(async () => {
    system = await startSystem({ builders: 2 })
  })
  after(async () => {
    root?.[Symbol.dispose]()
    await system?.[Symbol.asyncDispose]()
  })

  test('a new project has a valid, empty repository at once', async () => {
    await system.api.createProject(PROJECT)
    const { packages } = await readRepository(repoUrl())
    assert.deepEqual(packages, [])
    watch = await watchRepository(repoUrl(), pubkeyUrl())
    root = await scratchRoot(system, PROJECT)
    const made = await root.dnf('makecache')
    assert.ok(made.ok, made.output)
  })

  test('jq builds against the oniguruma-devel that was submitted just before', async (t) => {
    const first = await submit('oniguruma')
    await submit('jq', { after_build_id: first })
    await submit('hello')
    await ends('oniguruma', 'succeeded')
    await system.api.waitForState(idOf('jq'), ['starting', 'running', 'succeeded'], 15_000)
    for (const name of [
      'lz4',
      'python-colorama',
      'fmt',
      'failing-check',
      'unmet-buildrequires',
    ] as const)
      await submit(name)
    await ends('jq', 'succeeded')
    const ended = (await buildSummary(system, first)).chroots[0]?.ended_at
    const started = (await buildSummary(system, idOf('jq'))).chroots[0]?.started_at
    assert.ok(ended && started && started >= ended, 'jq waits for oniguruma')
    t.diagnostic(`jq started ${started.getTime() - ended.getTime()} ms after the end of oniguruma`)
  })

  /** Returns the packages of a build as `name.arch`, without debuginfo packages. */
  async function builtBy(id: number): Promise<string[]> {
    const packages = await system.api.builtPackages(id)
    return packages
      .filter(({ name }) => !/-debug(info|source)$/.test(name))
      .map(({ name, arch }) => `${name}.${arch}`)
      .toSorted()
  }

  test('hello builds, and its results contain the usual files', async () => {
    const { id } = await ends('hello', 'succeeded')
    const packages = await system.api.builtPackages(id)
    assert.deepEqual(await builtBy(id), ['hello.src', 'hello.x86_64'])
    const rpms = packages.map(
      ({ name, version, release, arch }) => `${name}-${version}-${release}.${arch}.rpm`,
    )
    const files = await system.api.resultFiles(id)
    const wanted = [
      'builder-live.log.gz',
      'backend.log.gz',
      'build.log.gz',
      'root.log.gz',
      'hello.spec',
      'results.json',
      'success',
    ]
    for (const name of [...wanted, ...rpms])
      assert.ok(files.includes(name), `${name} is missing; there are ${files.join(', ')}`)
    const { result_url } = await system.api.buildChroot(id)
    for (const name of rpms)
      assert.match(await rpmVerdict(pubkeyUrl(), `${result_url}${name}`), /signatures OK/)
  })

  test('lz4 builds with its subpackages', async () => {
    const { id } = await ends('lz4', 'succeeded')
    assert.deepEqual(await builtBy(id), [
      'lz4-devel.x86_64',
      'lz4-libs.x86_64',
      'lz4.src',
      'lz4.x86_64',
    ])
  })

  test('a Python package builds with the BuildRequires that it generates', async () => {
    const { id } = await ends('python-colorama', 'succeeded')
    assert.deepEqual(await builtBy(id), ['python-colorama.src', 'python3-colorama.noarch'])
    assert.match(await system.api.log(id), /generating BuildRequires/i)
  })

  test('a C++ library builds with CMake', async () => {
    const { id } = await ends('fmt', 'succeeded')
    assert.deepEqual(await builtBy(id), ['fmt-devel.x86_64', 'fmt.src', 'fmt.x86_64'])
  })

  test('a build whose %check fails is a failed build, and its log contains the line with the failure', async () => {
    const { id } = await ends('failing-check', 'failed')
    assert.match(await failReason(system, id), /%check/)
    assert.match(await system.api.log(id), /test 2 of 2: FAILED: expected 42, got 41/)
    assert.equal(
      (await readRepository(repoUrl())).packages.filter(({ nevra }) => nevra.includes('failing'))
        .length,
      0,
    )
  })

  test('the failure reason of a build names its unmet BuildRequires', async () => {
    const { id } = await ends('unmet-buildrequires', 'failed')
    assert.match(await failReason(system, id), /this-package-does-not-exist/)
    assert.match(await system.api.log(id), /this-package-does-not-exist/)
  })

  test('a build that sleeps forever fails when its timeout expires, and the reason says so', async () => {
    await submit('sleeps-for-ever', { timeout: 12 })
    const { id } = await ends('sleeps-for-ever', 'failed')
    assert.match(await failReason(system, id), /timeout of 12 seconds/)
    assert.match(await system.api.log(id), /sleeping for ever[^]*timeout of 12 seconds/)
    await assertBuildersIdle(system.dataDir)
  })

  test('every log grew while its build ran, and the final log begins with the lines that were read live', async (t) => {
    for (const [name, { id, log }] of builds) {
      const { live, growths } = await log
      const whole = await system.api.log(id)
      assert.ok(whole.startsWith(live), `${name}: what was read live differs from the log`)
      assert.ok(growths >= 1, `${name}: nothing could be read while it was built`)
      t.diagnostic(
        `${name}: log grew ${growths} times, ${live.length} of ${whole.length} characters read live`,
      )
    }
    const slow = await builds.get('oniguruma')?.log
    assert.ok((slow?.growths ?? 0) >= 3, 'the log of a long build grows')
  })

  test('each build page shows how the build ended', async () => {
    const page = await textAt(`${system.url}/coprs/build/${idOf('unmet-buildrequires')}`)
    assert.match(page, /this-package-does-not-exist/)
    assert.match(await textAt(`${system.url}/coprs/build/${idOf('hello')}`), /succeeded/i)
  })

  test('dnf installs the built packages, with all signatures checked', async () => {
    await root.install('hello', 'jq', 'lz4', 'lz4-devel', 'fmt', 'python3-colorama')
    assert.match(await root.run('hello'), /Hello, world!/)
    assert.match(await root.run('jq', '--version'), /jq-1\.6/)
    assert.match(await root.run('lz4', '--version'), /1\.9\.4/)
  })

  test('the repository was valid at all times, and contains each package once', async (t) => {
    const { reads, generations } = await watch.end()
    t.diagnostic(`read ${reads} times, ${generations} generations`)
    assert.ok(generations >= 5, 'publications were seen')
    const content = await readRepository(repoUrl())
    await checkPackages(repoUrl(), content)
    const expected: string[] = []
    for (const name of ['oniguruma', 'jq', 'hello', 'lz4', 'python-colorama', 'fmt'] as const)
      for (const one of await system.api.builtPackages(idOf(name)))
        expected.push(`${one.name}-${one.version}-${one.release}.${one.arch}`)
    assert.deepEqual(content.packages.map(({ nevra }) => nevra).toSorted(), expected.toSorted())
    assert.deepEqual(await root.available(), expected.toSorted())
  })

  test('the system stops cleanly', async (t) => {
    const seconds = await system.stop()
    t.diagnostic(`stopped in ${seconds.toFixed(1)} s`)
  })
})
