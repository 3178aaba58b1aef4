import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runOrThrow } from '@copr/process/run'
import { type PretendNodes, startPretendNodes } from '@copr/testkit/cluster/nodes/pretend-nodes'
import { type Builds, startBuilds } from '@copr/testkit/cluster/openshift/builds'
import { installOpenshift, type Openshift } from '@copr/testkit/cluster/openshift/install-openshift'
import { whyNoCluster } from '@copr/testkit/cluster/requirements'
import { type Cluster, startCluster } from '@copr/testkit/cluster/start-cluster'
import { coprctl } from '@copr/cli/coprctl'
import type { Said } from './type-command.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const REGISTRY = 'image-registry.openshift-image-registry.svc:5000'

interface Where {
  namespace: string
  kubeconfig: string
}

suite('coprctl dev', { skip: whyNoCluster(process.env['PATH']) }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'copr-test-dev-'))
  let cluster: Cluster
  before(async () => {
    cluster = await startCluster()
  })
  after(async () => {
    await cluster?.[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true })
  })

  /** Creates a namespace and, for a service account that administers it, a kubeconfig. */
  async function namespaceOf(url: string): Promise<{ namespace: string; kubeconfig: string }> {
    const name = 'developer'
    const namespace = await cluster.createNamespace()
    const { token } = await cluster.serviceAccount(namespace, name)
    await cluster.admin.client.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name, namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'admin' },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    })
    const kubeconfig = join(dir, `${namespace}.kubeconfig`)
    const context = { cluster: 'test', user: name, namespace }
    const authority = Buffer.from(cluster.ca).toString('base64')
    const trust = url.startsWith('http:')
      ? { 'insecure-skip-tls-verify': true }
      : { 'certificate-authority-data': authority }
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [{ name: 'test', cluster: { server: url, ...trust } }],
      users: [{ name, user: { token } }],
      contexts: [{ name: 'test', context }],
    }
    writeFileSync(kubeconfig, JSON.stringify(config))
    return { namespace, kubeconfig }
  }

  const dev = async (where: Where, vars: object, ...args: string[]): Promise<Said> =>
    await type(where, vars, 'dev', ...args)

  async function type(where: Where, vars: object, ...args: string[]): Promise<Said> {
    const file = join(dir, 'vars.yml')
    writeFileSync(file, JSON.stringify({ name: where.namespace, ...vars }))
    const said = { out: '', err: '' }
    const files = ['--vars', file, '--kubeconfig', where.kubeconfig]
    const code = await coprctl([...args, ...files], {
      env: {},
      stdin: (async function* () {})(),
      stdout: { write: (text: string) => (said.out += text) },
      stderr: { write: (text: string) => (said.err += text) },
    })
    return { code, ...said }
  }

  test('`dev up` on Kubernetes, which has no builds, suggests an alternative', async () => {
    const { code, err } = await dev(await namespaceOf(cluster.url), {}, 'up')
    assert.equal(code, 1)
    assert.match(err, /it has no builds.*\n {4}try: images\.registry in vars\.yml/)
  })

  suite('in OpenShift', () => {
    let openshift: Openshift
    let nodes: PretendNodes
    let builds: Builds
    before(async () => {
      openshift = await installOpenshift(cluster)
      nodes = await startPretendNodes({ client: cluster.admin.client })
      builds = await startBuilds(cluster)
    })
    after(async () => {
      await builds?.[Symbol.asyncDispose]()
      await nodes?.[Symbol.asyncDispose]()
      await openshift?.[Symbol.asyncDispose]()
    })

    const imageOf = async (namespace: string, kind: string, name: string): Promise<string> => {
      const ref = { apiVersion: 'apps/v1', kind, metadata: { name, namespace } }
      const { spec } = await cluster.admin.client.read(ref)
      return spec.template.spec.containers[0].image as string
    }

    test('`dev up` builds the folder and deploys it; a second `dev up` builds only changes; `dev down` removes the deployment', async () => {
      const where = await namespaceOf(builds.url)
      const { namespace } = where
      const source = await checkout(join(dir, 'checkout'))
      const up = ['up', '--source', source, '--timeout', '90']
      const first = await dev(where, {}, ...up)
      assert.equal(first.code, 0, first.err)
      assert.match(first.err, /copr-server: build copr-server-1 is (New|Running|Complete)/)
      assert.match(first.err, /\| Push successful/)
      const server = await imageOf(namespace, 'Deployment', 'servers')
      const status = await type(where, {}, 'status', '--json')
      assert.equal(status.code, 0, status.err)
      assert.equal((JSON.parse(status.out) as { image: string }).image, server)
      const { out: checks } = await type(where, {}, 'doctor')
      assert.match(checks, /ok +objects +\d+ objects, all ready/)
      assert.equal((await type(where, {}, 'secrets')).code, 0)
      assert.match(server, new RegExp(`^${REGISTRY}/${namespace}/copr-server@sha256:[0-9a-f]{64}$`))
      const database = await imageOf(namespace, 'StatefulSet', 'postgresql')
      assert.match(database, /\/copr-postgresql@sha256:/)
      const commit = (await runOrThrow('git', ['-C', source, 'rev-parse', 'HEAD'])).trim()
      assert.deepEqual(
        builds.uploads.map(({ config, commit: of }) => [config, of]),
        [
          ['copr-server', commit],
          ['copr-postgresql', commit],
        ],
      )
      const config = await cluster.admin.client.read({
        apiVersion: 'build.openshift.io/v1',
        kind: 'BuildConfig',
        metadata: { name: 'copr-postgresql', namespace },
      })
      assert.deepEqual(
        config['spec'].strategy.dockerStrategy.buildArgs.find(
          ({ name }: { name: string }) => name === 'SERVER',
        ).value,
        server,
      )

      const again = await dev(where, {}, ...up)
      assert.equal(again.code, 0, again.err)
      assert.match(again.err, /copr-server: nothing has changed.*\n.*copr-postgresql: nothing/)
      assert.match(again.err, /Nothing had to change/)
      assert.equal(builds.uploads.length, 2)

      // An untracked file.
      writeFileSync(join(source, 'packages/new.ts'), 'export const value = 1\n')
      const changed = await dev(where, {}, ...up)
      assert.equal(changed.code, 0, changed.err)
      const upload = builds.uploads[2]
      assert.ok(upload)
      assert.ok(upload.files.includes('packages/new.ts'))
      assert.ok(upload.files.every((file) => !file.includes('ignored')))
      assert.equal(upload.commit, `${commit}-dirty`)
      assert.notEqual(await imageOf(namespace, 'Deployment', 'servers'), server)

      const down = await dev(where, {}, 'down')
      assert.equal(down.code, 0, down.err)
      for (const [apiVersion, kind] of [
        ['image.openshift.io/v1', 'ImageStream'],
        ['build.openshift.io/v1', 'BuildConfig'],
        ['apps/v1', 'Deployment'],
      ] as const)
        assert.deepEqual(await cluster.admin.client.list(apiVersion, kind, { namespace }), [])
    })

    test('`dev up` reports a failed build with the reason, and deploys nothing', async () => {
      const where = await namespaceOf(builds.url)
      builds.failing.set('copr-server', 'npm error: there is no such package')
      const { code, err } = await dev(
        where,
        {},
        'up',
        '--source',
        await checkout(join(dir, 'failing')),
      )
      builds.failing.clear()
      assert.equal(code, 1)
      assert.match(err, /Cannot build copr-server: Dockerfile build strategy has failed\./)
      assert.match(err, / {2}npm error: there is no such package\n {4}try: oc -n .* logs build\//)
      const { namespace } = where
      assert.deepEqual(await cluster.admin.client.list('apps/v1', 'Deployment', { namespace }), [])
    })

    test('`dev up` also builds the image of pod builders, and lets their namespace pull it', async () => {
      const where = await namespaceOf(builds.url)
      const pool = {
        provider: 'kubernetes',
        namespace: 'b',
        image: 'x',
        tags: ['arch_x86_64'],
        max: 1,
      }
      const source = await checkout(join(dir, 'with-pool'))
      const { code, err } = await dev(
        where,
        { builders: { pools: { pods: pool } } },
        'up',
        '--source',
        source,
        '--timeout',
        '90',
      )
      assert.equal(code, 0, err)
      const { namespace } = where
      const pools = await cluster.admin.client.read({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'pools', namespace },
      })
      assert.match(
        pools['data']['pools.yaml'] as string,
        new RegExp(`image: ${REGISTRY}/${namespace}/copr-builder@sha256:`),
      )
      const binding = await cluster.admin.client.read({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'builders-pull', namespace },
      })
      assert.equal(binding['subjects'][0].name, `system:serviceaccounts:${namespace}-builders`)
    })
  })
})

/** Creates a small git repository with the real Containerfiles. */
async function checkout(dir: string): Promise<string> {
  mkdirSync(join(dir, 'packages'), { recursive: true })
  cpSync(join(ROOT, 'images'), join(dir, 'images'), {
    recursive: true,
    filter: (path) => !path.endsWith('images.lock.yaml'),
  })
  for (const file of ['package.json', 'package-lock.json', '.npmrc'])
    writeFileSync(join(dir, file), readFileSync(join(ROOT, file)))
  writeFileSync(join(dir, '.gitignore'), 'packages/ignored.ts\n')
  writeFileSync(join(dir, 'packages/ignored.ts'), '')
  writeFileSync(join(dir, 'packages/a.ts'), 'export const a = 1\n')
  const git = async (...args: string[]): Promise<string> =>
    await runOrThrow('git', [
      '-C',
      dir,
      '-c',
      'user.name=t',
      '-c',
      'user.email=t@example.org',
      ...args,
    ])
  await git('init', '--quiet')
  await git('add', '--all')
  await git('commit', '--quiet', '--message', 'all')
  return dir
}
