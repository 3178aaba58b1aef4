import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { KubeObject } from '@copr/testkit/cluster/kube-client'
import {
  type SimulatedPodBehavior,
  type PretendNodes,
  startPretendNodes,
} from '@copr/testkit/cluster/nodes/pretend-nodes'
import { installOpenshift, type Openshift } from '@copr/testkit/cluster/openshift/install-openshift'
import { whyNoCluster } from '@copr/testkit/cluster/requirements'
import { type Cluster, type Identity, startCluster } from '@copr/testkit/cluster/start-cluster'
import { type Said, typeCommand } from './type-command.ts'

const DIGEST = 'sha256:'.padEnd(71, '5')
const OTHER = 'sha256:'.padEnd(71, '6')

suite(
  'coprctl and a real API server of OpenShift',
  { skip: whyNoCluster(process.env['PATH']) },
  () => {
    let cluster: Cluster
    let openshift: Openshift
    let nodes: PretendNodes
    const dir = mkdtempSync(join(tmpdir(), 'copr-test-deploy-'))
    /** Simulated behavior of pods, by `NAMESPACE/COMPONENT`. */
    const behaviors = new Map<string, SimulatedPodBehavior>()
    const hidden = new Set<string>()

    before(async () => {
      cluster = await startCluster()
      openshift = await installOpenshift(cluster, {
        watches: ({ metadata }) => !hidden.has(metadata.namespace ?? ''),
      })
      const behavior = ({ metadata }: KubeObject): SimulatedPodBehavior | undefined =>
        behaviors.get(`${metadata.namespace}/${metadata.labels?.['app.kubernetes.io/name']}`)
      nodes = await startPretendNodes({ client: cluster.admin.client, behavior })
    })
    after(async () => {
      await nodes?.[Symbol.asyncDispose]()
      await openshift?.[Symbol.asyncDispose]()
      await cluster?.[Symbol.asyncDispose]()
      rmSync(dir, { recursive: true })
    })

    interface Site {
      namespace: string
      owner: Identity
      vars: Record<string, unknown>
      run: (command: string, ...args: string[]) => Promise<Said>
    }

    /** Creates a project whose administrator has no other rights, and returns a function that runs commands as this user. */
    async function site(more: Record<string, unknown> = {}): Promise<Site> {
      const namespace = await cluster.createNamespace({ admins: ['ana'] })
      const owner = await cluster.user('ana')
      const vars = {
        name: namespace,
        images: {
          server: `registry.example.org/copr@${DIGEST}`,
          postgresql: `registry.example.org/copr-postgresql@${DIGEST}`,
        },
        ...more,
      }
      return {
        namespace,
        owner,
        vars,
        run: (command, ...args) => run(owner, vars, command, ...args),
      }
    }

    const run = async (
      who: Identity,
      vars: Record<string, unknown>,
      command: string,
      ...args: string[]
    ): Promise<Said> => await typeCommand(dir, who, vars, command, ...args)

    const all = async (namespace: string, kind: string, apiVersion = 'v1'): Promise<KubeObject[]> =>
      await cluster.admin.client.list(apiVersion, kind, { namespace })

    /** Returns the version of every object, to detect changes. */
    async function versions({ namespace }: Site): Promise<Record<string, string | undefined>> {
      const kinds: [string, string][] = [
        ['v1', 'ConfigMap'],
        ['v1', 'Secret'],
        ['v1', 'Service'],
        ['v1', 'ServiceAccount'],
        ['v1', 'PersistentVolumeClaim'],
        ['apps/v1', 'Deployment'],
        ['apps/v1', 'StatefulSet'],
        ['batch/v1', 'Job'],
        ['networking.k8s.io/v1', 'NetworkPolicy'],
        ['route.openshift.io/v1', 'Route'],
      ]
      const lists = await Promise.all(
        kinds.map(([apiVersion, kind]) => all(namespace, kind, apiVersion)),
      )
      return Object.fromEntries(
        lists
          .flat()
          .map(({ kind, metadata }) => [`${kind} ${metadata.name}`, metadata.resourceVersion]),
      )
    }

    test('a project administrator deploys, redeploys without a change, upgrades, corrects drift, and undeploys', async () => {
      const ana = await site()
      const first = await ana.run('deploy', '--timeout', '90')
      assert.equal(first.code, 0, first.err)
      const host = `${ana.namespace}.${openshift.appsDomain}`
      const [url, link] = first.out.split('\n')
      assert.equal(url, `https://${host}`)
      assert.match(link ?? '', new RegExp(`^https://${host}/login/link/[-_A-Za-z0-9]{43}$`))
      for (const said of [
        /found +cluster: openshift/,
        /found +host: /,
        /generated Secret database/,
        /ready +Deployment servers/,
      ])
        assert.match(first.err, said)

      const status = await ana.run('status', '--json')
      assert.equal(status.code, 0, status.err)
      const facts = JSON.parse(status.out) as {
        url: string
        drift: unknown[]
        objects: { ready: boolean }[]
      }
      assert.equal(facts.url, `https://${host}`)
      assert.deepEqual(facts.drift, [])
      assert.ok(facts.objects.every(({ ready }) => ready))

      const before = await versions(ana)
      const second = await ana.run('deploy', '--timeout', '90')
      assert.equal(second.code, 0, second.err)
      assert.match(second.err, /Nothing had to change/)
      assert.equal(second.out, `https://${host}\n`, 'the link is printed only once')
      assert.deepEqual(await versions(ana), before)

      const image = `registry.example.org/copr@${OTHER}`
      ana.vars['images'] = { ...(ana.vars['images'] as object), server: image }
      const upgrade = await ana.run('upgrade', '--timeout', '90')
      assert.equal(upgrade.code, 0, upgrade.err)
      assert.match(upgrade.err, new RegExp(`image +.*${DIGEST} -> .*${OTHER}`))
      const [servers] = await all(ana.namespace, 'Deployment', 'apps/v1')
      assert.ok(JSON.stringify(servers).includes(image))
      assert.equal(
        (await all(ana.namespace, 'Job', 'batch/v1')).length,
        1,
        'the Job of the previous version is gone',
      )

      const service = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'backend', namespace: ana.namespace },
      }
      await ana.owner.client.patch(service, { spec: { selector: { 'copr/backend': 'no' } } })
      await ana.owner.client.delete({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'keygen-in', namespace: ana.namespace },
      })
      const drifted = await ana.run('status', '--json')
      assert.equal(drifted.code, 1)
      const { drift } = JSON.parse(drifted.out) as { drift: { object: string; differs: string }[] }
      assert.deepEqual(drift, [
        { object: 'NetworkPolicy keygen-in', differs: 'missing' },
        { object: 'Service backend', differs: 'spec.selector.copr/backend' },
      ])
      assert.equal((await ana.run('deploy', '--timeout', '90')).code, 0)
      assert.equal((await ana.run('status')).code, 0)

      const owners = (await ana.owner.client.read(service)).metadata.managedFields?.map(
        ({ manager }) => manager,
      )
      assert.ok(owners?.includes('coprctl'))

      const removed = await ana.run('undeploy')
      assert.equal(removed.code, 0, removed.err)
      assert.deepEqual(await all(ana.namespace, 'Deployment', 'apps/v1'), [])
      assert.deepEqual(await all(ana.namespace, 'Route', 'route.openshift.io/v1'), [])
      const kept = (await all(ana.namespace, 'PersistentVolumeClaim')).map(
        ({ metadata }) => metadata.name,
      )
      assert.deepEqual(new Set(kept), new Set(['database', 'results', 'sources']))
      assert.equal(
        (await ana.run('deploy', '--timeout', '90')).code,
        0,
        'deploy uses the data that undeploy has kept',
      )
      const gone = await ana.run('undeploy', '--delete-data')
      assert.equal(gone.code, 0, gone.err)
      const secrets = (await all(ana.namespace, 'Secret')).map(({ metadata }) => metadata.name)
      assert.deepEqual(
        secrets.filter((name) => name === 'database' || name === 'keygen-master-key'),
        [],
      )
    })

    test('the API server accepts every object of every profile, under Pod Security restricted', async () => {
      for (const more of [
        { profile: 'medium', database: { mode: 'embedded' } },
        { profile: 'large', storage: { results: { access: 'ReadWriteMany' } } },
      ]) {
        const ana = await site(more)
        const { code, err } = await ana.run('deploy', '--timeout', '90')
        assert.equal(code, 0, err)
        assert.equal((await ana.run('undeploy', '--delete-data')).code, 0)
      }
    })

    test('`undeploy` removes nothing until all cloud machines have been terminated', async () => {
      const ana = await site()
      ana.vars['builders'] = { pools: { a: {} }, aws: { secret: 'aws' } }
      const deployed = await ana.run('deploy', '--timeout', '90')
      assert.equal(deployed.code, 0, deployed.err)
      behaviors.set(`${ana.namespace}/drain`, { kind: 'runs' })
      const refused = await ana.run('undeploy', '--timeout', '3')
      assert.equal(refused.code, 1)
      assert.match(refused.err, /machines in clouds are still running, and nothing was removed/)
      assert.notEqual((await all(ana.namespace, 'Deployment', 'apps/v1')).length, 0)
      behaviors.delete(`${ana.namespace}/drain`)
      assert.equal((await ana.run('undeploy', '--timeout', '60')).code, 0)
    })

    suite('deploy reports failures with a reason and a command that helps', () => {
      test('`deploy` reports that the user is logged in to the wrong cluster', async () => {
        const { run: type } = await site({ cluster: { api: 'https://api.other.example.org:6443' } })
        const { code, err } = await type('deploy')
        assert.equal(code, 1)
        assert.match(
          err,
          /you are logged in to .*, but cluster\.api is https:\/\/api\.other\.example\.org:6443\n +try: oc login/,
        )
      })

      test('`deploy` reports missing permissions before it changes anything', async () => {
        const { vars, namespace } = await site()
        const eve = await cluster.user('eve')
        const { code, err } = await run(eve, vars, 'deploy')
        assert.equal(code, 1)
        assert.match(err, /you lack rights|you cannot create one/)
        assert.match(err, /try: oc/)
        assert.deepEqual(await all(namespace, 'Deployment', 'apps/v1'), [])
      })

      test('`deploy` reports an image that the node cannot pull', async () => {
        const ana = await site()
        behaviors.set(`${ana.namespace}/keygen`, {
          kind: 'image-denied',
          message: 'pull access denied',
        })
        const { code, err } = await ana.run('deploy', '--timeout', '6')
        assert.equal(code, 1)
        assert.match(
          err,
          /Deployment keygen: the node cannot pull its image \(.*\)\n +try: .*pull_secret/,
        )
      })

      test('`deploy` reports a Route whose host belongs to another Route', async () => {
        const host = `taken.${openshift.appsDomain}`
        const other = await cluster.createNamespace()
        const spec = { host, path: '/', to: { kind: 'Service', name: 'a' } }
        await cluster.admin.client.create({
          apiVersion: 'route.openshift.io/v1',
          kind: 'Route',
          metadata: { name: 'a', namespace: other },
          spec,
        })
        const ana = await site({ expose: { host } })
        const { code, err } = await ana.run('deploy', '--timeout', '60')
        assert.equal(code, 1)
        assert.match(
          err,
          /Route copr: the router did not admit it, because another Route claims this host/,
        )
        assert.match(err, /try: oc get routes --all-namespaces/)
      })

      test('`deploy` reports a Route that no router watches', async () => {
        const ana = await site()
        hidden.add(ana.namespace)
        const { code, err } = await ana.run('deploy', '--timeout', '6')
        assert.equal(code, 1)
        assert.match(err, /Route copr-domain: no router admitted it/)
      })

      test('`deploy` reports an exhausted quota before it changes anything', async () => {
        const ana = await site()
        await cluster.admin.client.create({
          apiVersion: 'v1',
          kind: 'ResourceQuota',
          metadata: { name: 'tight', namespace: ana.namespace },
          spec: { hard: { pods: '2' } },
        })
        const before = await versions(ana)
        const { code, err } = await ana.run('deploy', '--timeout', '20')
        assert.equal(code, 1)
        assert.match(
          err,
          /the quota tight of the namespace has capacity for 2 pods, and this needs 5 \(2 in all, 0 used\)/,
        )
        assert.match(err, /try: kubectl -n .* describe quota/)
        assert.deepEqual(await versions(ana), before)
      })

      test('`deploy` reports a volume that is not provisioned', async () => {
        const ana = await site({ storage: { class: 'out-of-space' } })
        const { code, err } = await ana.run('deploy', '--timeout', '15')
        assert.equal(code, 1)
        assert.match(err, /no volume was provisioned/)
        assert.match(err, /try: kubectl get storageclass/)
      })
    })
  },
)
