import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { KubeObject } from '@copr/testkit/cluster/kube-client'
import { startLoginFacade } from '@copr/testkit/cluster/openshift/login-facade'
import { type PretendNodes, startPretendNodes } from '@copr/testkit/cluster/nodes/pretend-nodes'
import { installOpenshift, type Openshift } from '@copr/testkit/cluster/openshift/install-openshift'
import { whyNoCluster } from '@copr/testkit/cluster/requirements'
import { type Cluster, type Identity, startCluster } from '@copr/testkit/cluster/start-cluster'
import { until } from '@copr/testkit/system/until'
import { type Said, typeCommand } from './type-command.ts'

const DIGEST = 'sha256:'.padEnd(71, '5')
const ISSUER = 'https://oauth-openshift.apps.test.invalid'

suite(
  'commands about a deployment, with the rights of a project administrator',
  { skip: whyNoCluster(process.env['PATH']) },
  () => {
    let cluster: Cluster
    let openshift: Openshift
    let nodes: PretendNodes
    const dir = mkdtempSync(join(tmpdir(), 'copr-test-commands-'))

    before(async () => {
      cluster = await startCluster()
      openshift = await installOpenshift(cluster)
      nodes = await startPretendNodes({ client: cluster.admin.client, behavior: () => undefined })
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
      type: (command: string, ...args: string[]) => Promise<Said>
    }

    async function site(more: Record<string, unknown> = {}): Promise<Site> {
      const namespace = await cluster.createNamespace({ admins: ['ana'] })
      const owner = await cluster.user('ana')
      const image = (name: string): string => `registry.example.org/${name}@${DIGEST}`
      const images = { server: image('copr'), postgresql: image('copr-postgresql') }
      const vars = { name: namespace, images, ...more }
      return {
        namespace,
        owner,
        vars,
        type: (command, ...args) => typeCommand(dir, owner, vars, command, ...args),
      }
    }

    const all = async (namespace: string, kind: string, apiVersion = 'v1'): Promise<KubeObject[]> =>
      await cluster.admin.client.list(apiVersion, kind, { namespace })
    const namesOf = (objects: KubeObject[]): string[] =>
      objects.flatMap(({ metadata }) => metadata.name ?? [])
    const quota = async (namespace: string, hard: Record<string, string>): Promise<void> => {
      const metadata = { name: 'tight', namespace }
      const made = { apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: { hard } }
      await cluster.admin.client.create(made)
      await until(
        async () => (await cluster.admin.client.find(made))?.['status']?.hard !== undefined,
        { timeout_ms: 30_000, what: 'the quota to be counted' },
      )
    }

    test('login with OpenShift: a service account is the OAuth client, and its token is written to a Secret', async () => {
      const ana = await site()
      await using facade = await startLoginFacade(ana.owner, dir, ISSUER)
      const type = (...args: [string, ...string[]]): Promise<Said> =>
        typeCommand(dir, facade, ana.vars, ...args)
      const { code, err } = await type('deploy', '--timeout', '90')
      assert.equal(code, 0, err)
      assert.match(err, new RegExp(`found +login of the cluster: ${ISSUER}`))
      const { namespace } = ana
      const account = await ana.owner.client.read({
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'login', namespace },
      })
      const annotations = account.metadata.annotations ?? {}
      const prefix = 'serviceaccounts.openshift.io/oauth-redirect'
      assert.equal(annotations[`${prefix}uri.copr`], '/oidc_auth/')
      assert.equal(JSON.parse(annotations[`${prefix}reference.copr`] ?? '').reference.name, 'copr')
      const ref = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'login-token', namespace } }
      await until(async () => (await ana.owner.client.read(ref))['data']?.token !== undefined, {
        timeout_ms: 30_000,
        what: 'the token',
      })
      const review = await cluster.admin.client.create({
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        metadata: {},
        spec: {
          token: Buffer.from((await ana.owner.client.read(ref))['data'].token, 'base64').toString(),
        },
      })
      assert.equal(review['status'].user.username, `system:serviceaccount:${namespace}:login`)
      const status = await type('status', '--json')
      assert.equal(status.code, 0, `${status.out}${status.err}`)
      assert.match((await type('deploy', '--timeout', '90')).err, /Nothing had to change/)
      assert.equal((await type('undeploy')).code, 0)
      await until(async () => (await cluster.admin.client.find(ref)) === undefined, {
        timeout_ms: 30_000,
        what: 'the token to go with its account',
      })
    })

    test('`login.mode: openshift` is refused on a cluster without an OAuth server', async () => {
      const ana = await site({ login: { mode: 'openshift' } })
      const { code, err } = await ana.type('deploy')
      assert.equal(code, 1)
      assert.match(err, /this cluster has no OAuth server of its own/)
      assert.deepEqual(namesOf(await all(ana.namespace, 'Secret')), [])
    })

    test('kubectl can apply the output of `render` and `secrets`, and the servers become ready', async () => {
      const ana = await site()
      const out = join(dir, 'rendered')
      const rendered = await ana.type('render', '--out', out)
      assert.equal(rendered.code, 0, rendered.err)
      assert.match(
        rendered.err,
        /Wrote \d+ objects into .*; make their secrets with: coprctl secrets/,
      )
      const files = readdirSync(out)
      assert.ok(files.includes('kustomization.yaml') && files.includes('deployment-servers.yaml'))
      const secrets = await ana.type('secrets')
      assert.equal(secrets.code, 0, secrets.err)
      assert.deepEqual(secrets.out.split('\n').toSorted(), [
        '',
        'Secret database',
        'Secret keygen-master-key',
      ])
      assert.equal((await ana.type('secrets')).out, '', 'made once')
      const texts = (await all(ana.namespace, 'Secret')).flatMap(({ data }) =>
        Object.values(data as Record<string, string>),
      )
      for (const text of texts) {
        const plain = Buffer.from(text, 'base64').toString()
        assert.ok(![rendered, secrets].some((said) => `${said.out}${said.err}`.includes(plain)))
        for (const file of files)
          assert.ok(!readFileSync(join(out, file), 'utf8').includes(text), file)
      }
      const apply = await cluster.kubectl(ana.owner, 'apply', '--server-side', '-k', out)
      assert.ok(apply.ok, apply.output)
      const ref = {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'servers', namespace: ana.namespace },
      }
      await until(
        async () => ((await ana.owner.client.read(ref))['status']?.readyReplicas ?? 0) === 1,
        { timeout_ms: 60_000, what: 'the servers' },
      )
    })

    test('--new-admin-link creates a new link, and invalidates the previous one', async () => {
      const ana = await site()
      const linkOf = ({ out }: Said): string => /login\/link\/(\S+)/.exec(out)?.[1] ?? ''
      const job = async (): Promise<string> =>
        JSON.stringify((await all(ana.namespace, 'Job', 'batch/v1'))[0]?.['spec'])
      const first = await ana.type('deploy', '--timeout', '90')
      assert.equal(first.code, 0, first.err)
      const before = await job()
      const second = await ana.type('deploy', '--new-admin-link', '--timeout', '90')
      assert.equal(second.code, 0, second.err)
      assert.match(linkOf(second), /^[-_A-Za-z0-9]{43}$/)
      assert.notEqual(linkOf(second), linkOf(first))
      const hash =
        /"--administrator-link","([0-9a-f]{64})"/.exec(before)?.[1] ?? assert.fail(before)
      assert.ok(!(await job()).includes(hash))
      assert.match((await ana.type('deploy', '--timeout', '90')).err, /Nothing had to change/)
    })

    test('`doctor` reports the checks that passed, and suggests a command for each that failed', async () => {
      const ana = await site()
      const early = await ana.type('doctor')
      assert.equal(early.code, 1)
      assert.match(early.out, /ok +rights +all rights that a deployment needs/)
      assert.match(early.out, /FAIL +objects +Cannot find a deployment .*\n +try: coprctl deploy/)
      assert.equal((await ana.type('deploy', '--timeout', '90')).code, 0)
      const late = await ana.type('doctor')
      for (const said of [
        /ok +cluster +https:/,
        /ok +facts +openshift, requests by route, host /,
        /ok +storage +you may not list storage classes/,
        /ok +quota +none/,
        /ok +objects +\d+ objects, all ready/,
        // The hostname of this test does not resolve.
        /FAIL +name /,
        /FAIL +site /,
      ])
        assert.match(late.out, said)
      await quota(ana.namespace, { pods: '5' })
      ana.vars['profile'] = 'medium'
      assert.match((await ana.type('doctor')).out, /FAIL +quota +.*the quota tight .* pods/)
    })

    test('`deploy` and `doctor` accept a quota that the deployment itself has used up', async () => {
      const ana = await site()
      const first = await ana.type('deploy', '--timeout', '90')
      assert.equal(first.code, 0, first.err)
      await quota(ana.namespace, {
        pods: '4',
        'count/jobs.batch': '1',
        'count/deployments.apps': '2',
        'services.loadbalancers': '0',
      })
      const second = await ana.type('deploy', '--timeout', '90')
      assert.equal(second.code, 0, second.err)
      assert.match(second.err, /Nothing had to change/)
      assert.match((await ana.type('doctor')).out, /ok +quota +1, with capacity left/)
    })

    test('`deploy` and `doctor` report missing permissions with their verb and kind', async () => {
      const { namespace, vars } = await site()
      const vic = await cluster.user('vic')
      await cluster.admin.client.create({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'vic', namespace },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'vic' }],
      })
      // This user may not read Routes, so `vars` must set the host.
      const told = { ...vars, expose: { host: 'copr.example.org' } }
      const wanted = /you lack rights in .*: .*create deployments\.apps/
      const deploy = await typeCommand(dir, vic, told, 'deploy')
      assert.equal(deploy.code, 1)
      assert.match(deploy.err, wanted)
      assert.match(deploy.err, /try: oc adm policy add-role-to-user admin/)
      const doctor = await typeCommand(dir, vic, told, 'doctor')
      assert.match(doctor.out, /FAIL +rights/)
      assert.match(doctor.out, wanted)
      assert.deepEqual(namesOf(await all(namespace, 'Deployment', 'apps/v1')), [])
    })

    test('the second of two concurrent deploys waits, reports who holds the lock, and changes nothing', async () => {
      const ana = await site()
      const both = await Promise.all([
        ana.type('deploy', '--timeout', '120'),
        ana.type('deploy', '--timeout', '120'),
      ])
      assert.deepEqual(
        both.map(({ code }) => code),
        [0, 0],
        both.map(({ err }) => err).join('\n'),
      )
      const [second, first] = both.toSorted(
        (a, b) => (/Nothing had/.test(a.err) ? -1 : 1) - (/Nothing had/.test(b.err) ? -1 : 1),
      )
      assert.match(second?.err ?? '', /waiting +for ana on .*, deploying since 20/)
      assert.match(second?.err ?? '', /Nothing had to change/)
      assert.doesNotMatch(first?.err ?? '', /deploying since/)
      assert.deepEqual(await all(ana.namespace, 'Lease', 'coordination.k8s.io/v1'), [])
    })
  },
)
