import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runOrThrow } from '@copr/process/run'
import { readVars } from '../configuration/read-vars.ts'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { type Answer, type ObjectServer, startObjectServer } from '../testing/object-server.ts'
import { buildImages, hasBuilds, removeBuilds } from './dev-up.ts'
import { sourceArchive } from './source-archive.ts'

const GROUPS = ['build.openshift.io', 'image.openshift.io']
const UPLOAD = /\/namespaces\/([^/]+)\/buildconfigs\/([^/]+)\/instantiatebinary$/
const NAMESPACE = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'copr' } }

interface Uploaded {
  config: string
  bytes: number
  commit: string | null
}

interface OpenShift extends ObjectServer {
  uploads: Uploaded[]
}

interface Behaviour {
  hasRegistry?: boolean
  /** Returns the status of a build, given its name. */
  status?: (build: string) => object
  log?: string
  refuses?: Answer
}

/** Starts a fake of OpenShift's API server, with those operations of the build API that coprctl uses. */
async function openShift(behaviour: Behaviour = {}): Promise<OpenShift> {
  const { hasRegistry = true, status = complete, log = 'Push successful\n', refuses } = behaviour
  const uploads: Uploaded[] = []
  const server = await startObjectServer(GROUPS, (asked, body, path) => {
    const [, namespace = '', config = ''] = UPLOAD.exec(path) ?? []
    const stream = /\/imagestreams\/([^/]+)$/.exec(path)?.[1]
    const known = server.objects.get(path)
    if (stream && known && hasRegistry)
      known['status'] = { dockerImageRepository: `registry.local/copr/${stream}` }
    if (path.endsWith('/log')) return { code: 200, body: log }
    if (config === '') return undefined
    if (refuses) return refuses
    const query = new URL(asked.url ?? '/', 'http://server').searchParams
    uploads.push({ config, bytes: body.length, commit: query.get('revision.commit') })
    const metadata = { name: `${config}-${uploads.length}`, namespace }
    const build = { apiVersion: 'build.openshift.io/v1', kind: 'Build', metadata }
    const at = `/apis/build.openshift.io/v1/namespaces/${namespace}/builds/${metadata.name}`
    server.objects.set(at, { ...build, status: status(metadata.name) })
    return { code: 201, body: build }
  })
  server.objects.set('/api/v1/namespaces/copr', NAMESPACE)
  return { ...server, uploads }
}

const digestOf = (build: string): string =>
  `sha256:${Buffer.from(build).toString('hex').padEnd(64, '0')}`
const complete = (build: string): object => ({
  phase: 'Complete',
  output: { to: { imageDigest: digestOf(build) } },
})

/** Creates a git repository with committed files and a file that git ignores. */
async function checkout(): Promise<{ dir: string; commit: string } & Disposable> {
  const dir = mkdtempSync(join(tmpdir(), 'copr-test-checkout-'))
  mkdirSync(join(dir, 'packages'))
  for (const [file, text] of [
    ['package.json', '{}'],
    ['packages/a.ts', ''],
    ['packages/deleted.ts', ''],
    ['packages/ignored.ts', ''],
    ['.gitignore', 'ignored.ts\n'],
    ['README.md', ''],
  ] as const)
    writeFileSync(join(dir, file), text)
  const as = ['-c', 'user.name=t', '-c', 'user.email=t@example.org']
  const git = async (...args: string[]): Promise<string> =>
    await runOrThrow('git', ['-C', dir, ...as, ...args])
  await git('init', '--quiet')
  await git('add', '--all')
  await git('commit', '--quiet', '--message', 'all')
  const commit = (await git('rev-parse', 'HEAD')).trim()
  return { dir, commit, [Symbol.dispose]: () => rmSync(dir, { recursive: true }) }
}

const stop = new AbortController().signal

async function built(api: OpenShift['api'], dir: string, vars: object = {}) {
  const said: string[] = []
  using source = await sourceArchive(dir, stop)
  const read = readVars({ vars: { path: 'vars.yml', text: JSON.stringify(vars) } })
  const progress = {
    step: (what: string) => void said.push(what),
    log: (lines: string[]) => void said.push(...lines),
  }
  const { images, read: changed } = await buildImages(api, read, {
    source,
    progress,
    timeout_ms: 120_000,
    poll_ms: 1,
    stop,
  })
  return { images, vars: changed.vars, said }
}

test('buildImages() uploads the folder for each image, and returns image references with digests', async () => {
  await using cluster = await openShift()
  using folder = await checkout()
  const { images, said } = await built(cluster.api, folder.dir)
  assert.deepEqual(images, {
    server: `registry.local/copr/copr-server@${digestOf('copr-server-1')}`,
    postgresql: `registry.local/copr/copr-postgresql@${digestOf('copr-postgresql-2')}`,
  })
  assert.deepEqual(
    cluster.uploads.map(({ config, commit }) => ({ config, commit })),
    ['copr-server', 'copr-postgresql'].map((config) => ({ config, commit: folder.commit })),
  )
  assert.ok(said.includes('Push successful'))
  const config = cluster.objects.get(
    '/apis/build.openshift.io/v1/namespaces/copr/buildconfigs/copr-postgresql',
  ) as KubeObject & { spec: { strategy: { dockerStrategy: { buildArgs: object[] } } } }
  assert.deepEqual(config.spec.strategy.dockerStrategy.buildArgs.at(-1), {
    name: 'SERVER',
    value: images.server,
  })
})

test('buildImages() rebuilds only when a file has changed', async () => {
  await using cluster = await openShift()
  using folder = await checkout()
  const first = await built(cluster.api, folder.dir)
  const again = await built(cluster.api, folder.dir)
  assert.deepEqual(again.images, first.images)
  assert.equal(cluster.uploads.length, 2)
  writeFileSync(join(folder.dir, 'packages/a.ts'), 'changed')
  const changed = await built(cluster.api, folder.dir)
  assert.notEqual(changed.images.server, first.images.server)
  assert.equal(cluster.uploads[2]?.commit, `${folder.commit}-dirty`)
})

test('buildImages() sets the builder image of pod pools, and lets their namespace pull it', async () => {
  await using cluster = await openShift()
  using folder = await checkout()
  const pools = { pods: { provider: 'kubernetes', image: 'x' }, cloud: { provider: 'aws' } }
  const { vars } = await built(cluster.api, folder.dir, { builders: { pools } })
  assert.deepEqual(vars.builders.pools, {
    ...pools,
    pods: {
      provider: 'kubernetes',
      image: `registry.local/copr/copr-builder@${digestOf('copr-builder-3')}`,
    },
  })
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/copr/rolebindings/builders-pull'
  assert.ok(cluster.objects.has(rbac))
  const removed: string[] = []
  await removeBuilds(cluster.api, 'copr', ({ kind }) => void removed.push(kind))
  const each = ['BuildConfig', 'ImageStream'].flatMap((kind) => [kind, kind, kind])
  assert.deepEqual(removed, [...each, 'RoleBinding'])
})

for (const [what, behaviour, words] of [
  [
    'has failed',
    {
      status: () => ({ phase: 'Failed', message: 'The build strategy has failed.' }),
      log: 'npm error\nnot whole',
    },
    /^Cannot build copr-server: The build strategy has failed\.\n {2}npm error\n {4}try: oc -n copr logs build\/copr-server-1/,
  ],
  [
    'may not be started',
    { refuses: { code: 403, body: { message: 'you may not' } } },
    /^Cannot start the build of copr-server: you may not\n {4}try: oc adm policy/,
  ],
  ['has no registry', { hasRegistry: false }, /it has no internal image registry\n {4}try: /],
] as const)
  test(`a build that ${what} fails with a readable message`, async () => {
    await using cluster = await openShift(behaviour)
    using folder = await checkout()
    await assert.rejects(built(cluster.api, folder.dir), { message: words })
  })

test('hasBuilds() is false for a cluster without the build API', async () => {
  await using cluster = await startObjectServer(['apps'], () => undefined)
  assert.equal(await hasBuilds(cluster.api), false)
})

test('sourceArchive() contains the tracked and untracked files that images need, in their current state', async () => {
  using folder = await checkout()
  rmSync(join(folder.dir, 'packages/deleted.ts'))
  writeFileSync(join(folder.dir, 'packages/new.ts'), '')
  using archive = await sourceArchive(folder.dir, stop)
  const list = await runOrThrow('tar', ['-tf', archive.path])
  assert.deepEqual(list.trim().split('\n'), ['package.json', 'packages/a.ts', 'packages/new.ts'])
  using again = await sourceArchive(folder.dir, stop)
  assert.equal(again.sha256, archive.sha256)
})

test('sourceArchive() refuses a folder that is not a git working tree', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'copr-test-no-checkout-'))
  try {
    await assert.rejects(sourceArchive(dir, stop), {
      message: /it is not a git checkout\n {4}try: /,
    })
  } finally {
    rmSync(dir, { recursive: true })
  }
})
