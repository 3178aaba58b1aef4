import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Configuration } from '@copr/contract/configuration'
import { Vars } from '@copr/contract/deployment/vars'
import { parse } from 'yaml'
import { type KubeObject, nameOf } from '@copr/kube-client/kube-object'
import { sampleFacts } from '../testing/facts.ts'
import { type PodTemplate, podsOf, type SampleContainer } from '../testing/pods.ts'
import { generatedSecrets } from '../secrets/generated-secrets.ts'
import type { Facts, Flavour } from './facts.ts'
import { CONNECTIONS } from './network-policies.ts'
import { render } from './render.ts'

/**
 * This file has a test for each known defect in deployments of similar build systems. The numbers are those in the table in
 * docs/deployment.md.
 */
const FLAVOURS: Flavour[] = ['openshift', 'microshift', 'kubernetes']
const WITH_ALL = {
  builders: { pools: { a: {} }, aws: { secret: 'aws' }, pods: { enabled: true } },
}
const SHARED = { profile: 'large', storage: { results: { access: 'ReadWriteMany' } } }

interface Case {
  name: string
  objects: KubeObject[]
}

/** Each kind of cluster, with and without shared volumes. */
const CASES: Case[] = FLAVOURS.flatMap((flavour) =>
  [WITH_ALL, { ...WITH_ALL, ...SHARED }].map((vars, index) => ({
    name: `${flavour} ${index}`,
    objects: render(Vars.parse(vars), sampleFacts(flavour)),
  })),
)

function inEachCase(check: (objects: KubeObject[], name: string) => void): void {
  for (const { name, objects } of CASES) check(objects, name)
}

function eachContainer(check: (container: SampleContainer, pod: PodTemplate) => void): void {
  inEachCase((objects) => {
    for (const pod of podsOf(objects))
      for (const container of pod.spec.containers) check(container, pod)
  })
}

const ofKind = (objects: KubeObject[], kind: string): KubeObject[] =>
  objects.filter((each) => each.kind === kind)
const named = (objects: KubeObject[], kind: string, name: string): KubeObject => {
  const found = objects.find((each) => each.kind === kind && each.metadata.name === name)
  assert.ok(found, `there is no ${kind} ${name}`)
  return found
}

function programs(objects: KubeObject[]): Record<string, Record<string, unknown>> {
  const { data } = named(objects, 'ConfigMap', 'programs') as unknown as {
    data: Record<string, string>
  }
  return Object.fromEntries(
    Object.entries(data).map(([file, text]) => [file.replace('.yaml', ''), parse(text)]),
  )
}

interface Policy {
  spec: {
    podSelector: { matchLabels?: Record<string, string> }
    policyTypes: string[]
    ingress?: {
      from?: { podSelector?: { matchLabels: Record<string, string> } }[]
      ports?: { port: number }[]
    }[]
    egress?: { to?: { ipBlock?: { cidr: string; except: string[] } }[] }[]
  }
}
const policyOf = (objects: KubeObject[], name: string): Policy['spec'] =>
  (named(objects, 'NetworkPolicy', name) as unknown as Policy).spec

const text = (objects: unknown): string => JSON.stringify(objects)

test('defect 1: only frontend and backend reach keygen, over TLS, and it requires the token of their account', () => {
  inEachCase((objects) => {
    const { ingress = [] } = policyOf(objects, 'keygen-in')
    const callers = ingress
      .filter(({ ports }) => ports?.some(({ port }) => port === 5003))
      .flatMap(({ from }) =>
        from?.map(({ podSelector }) => Object.keys(podSelector?.matchLabels ?? {})),
      )
    assert.deepEqual(callers, [['copr/frontend'], ['copr/backend']])
    const config = programs(objects) as Record<string, { keygen: Record<string, unknown> }>
    for (const { keygen } of Object.values(config)) assert.match(String(keygen['url']), /^https:/)
    const callers_by_token = Object.entries(config).filter(([, { keygen }]) => keygen['token_file'])
    assert.deepEqual(
      callers_by_token.map(([name]) => name),
      ['frontend', 'backend'],
    )
    const { service_accounts, secret } = config['keygen']?.keygen ?? {}
    assert.equal(secret, undefined)
    const { accounts, audience } = service_accounts as { accounts: object; audience: string }
    assert.equal(audience, 'copr-keygen')
    const pods = podsOf(objects).filter(({ spec }) =>
      text(spec.volumes).includes('"audience":"copr-keygen"'),
    )
    assert.deepEqual(
      pods.map(({ spec }) => spec.serviceAccountName).toSorted(),
      Object.keys(accounts).toSorted(),
    )
  })
})

test('defect 2: every login requires proof of identity', () => {
  inEachCase((objects) => assert.doesNotMatch(text(objects), /debug|TEST_REMOTE_USER|remote_user/i))
})

test('defect 3: no secret has a built-in default: all are generated, long, and different each time', () => {
  const make = (): Record<string, string>[] =>
    generatedSecrets({
      namespace: 'copr',
      service_ca: true,
      account_tokens: true,
      database: 'embedded',
    }).map(({ data }) => data)
  const [one, two] = [make(), make()]
  for (const [index, data] of one.entries())
    for (const [key, value] of Object.entries(data)) {
      assert.ok(value.length >= 40, `${key} is short`)
      assert.notEqual(value, two[index]?.[key])
    }
})

test('defect 4: connections between components are encrypted, and public HTTP is redirected to HTTPS', () => {
  for (const flavour of ['openshift', 'microshift'] as const) {
    const objects = render(Vars.parse({}), sampleFacts(flavour))
    const config = programs(objects) as Record<
      string,
      { listen: { tls?: object }; public_url: string; database_url: string }
    >
    assert.match(text(config['keygen']), /"tls":\{/)
    for (const name of ['frontend', 'backend', 'distgit', 'postgresql'])
      assert.ok(config[name]?.listen.tls, `${name} answers without TLS`)
    for (const each of Object.values(config)) {
      assert.match(each.public_url, /^https:/)
      assert.match(each.database_url, /sslmode=verify-full/)
    }
    for (const { spec } of ofKind(objects, 'Route') as unknown as { spec: { tls: object } }[])
      assert.deepEqual(spec.tls, {
        termination: 'reencrypt',
        insecureEdgeTerminationPolicy: 'Redirect',
      })
  }
})

test('defect 5: no object contains a secret or a key; programs read them from files', () => {
  inEachCase((objects) => {
    for (const secret of ofKind(objects, 'Secret'))
      assert.ok(!secret['data'] && !secret['stringData'])
    assert.doesNotMatch(text(objects), /PRIVATE KEY|coprpass|"password":"/)
    for (const each of Object.values(programs(objects)))
      assert.deepEqual(each['database_password'], { from_file: '/etc/copr/database/password' })
  })
})

test('defect 6: the database requires TLS and a password, and no role has more privileges than it needs', () => {
  const crunchy = render(Vars.parse({ database: { mode: 'crunchy' } }), sampleFacts('openshift'))
  assert.doesNotMatch(text(crunchy), /SUPERUSER/i)
  inEachCase((objects) => assert.doesNotMatch(text(objects), /redis|SUPERUSER/i))
})

test('defect 7: no account has rights in the cluster, except resalloc for builder pods', () => {
  inEachCase((objects) => {
    const roles = ofKind(objects, 'Role').map(
      ({ metadata }) => `${metadata.namespace}/${metadata.name}`,
    )
    assert.deepEqual(roles, ['copr-builders/resalloc'])
    assert.deepEqual(ofKind(objects, 'ClusterRole'), [])
    assert.deepEqual(ofKind(objects, 'ClusterRoleBinding'), [])
    assert.doesNotMatch(text(objects), /anyuid|"privileged":true|system:openshift:scc/)
    const [{ rules } = { rules: [] }] = ofKind(objects, 'Role') as unknown as {
      rules: { resources: string[] }[]
    }[]
    // resalloc may also access Secrets, but only in the builders' namespace, which contains nothing else.
    assert.deepEqual(
      rules.flatMap(({ resources }) => resources),
      ['pods', 'secrets'],
    )
  })
})

test('defect 8: there is no SSH key', () => {
  inEachCase((objects) => assert.doesNotMatch(text(objects), /ssh/i))
})

test('defect 9: cloud credentials are a role, or a Secret that only resalloc sees', () => {
  inEachCase((objects) => {
    for (const pod of podsOf(objects)) {
      const sees = text(pod.spec).includes('AWS_')
      assert.equal(sees, pod.metadata.labels['app.kubernetes.io/name'] === 'resalloc')
    }
  })
  const role = 'arn:aws:iam::123456789012:role/copr'
  const objects = render(
    Vars.parse({ builders: { pools: { a: {} }, aws: { role_arn: role } } }),
    sampleFacts('openshift'),
  )
  const resalloc = text(named(objects, 'Deployment', 'resalloc'))
  assert.match(resalloc, /AWS_ROLE_ARN/)
  assert.doesNotMatch(resalloc, /AWS_SECRET_ACCESS_KEY/)
})

test('defect 10: all connections except the listed ones are denied; pods are restricted, and have no tokens', () => {
  inEachCase((objects) => {
    assert.deepEqual(policyOf(objects, 'default-deny'), {
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    })
    // Each connection must be allowed at both ends.
    for (const [from, targets] of Object.entries(CONNECTIONS)) {
      assert.equal(
        policyOf(objects, `${from}-out`).podSelector.matchLabels?.[`copr/${from}`],
        'true',
      )
      for (const to of targets)
        assert.ok(
          text(policyOf(objects, `${to}-in`).ingress).includes(`"copr/${from}":"true"`),
          `${to} does not let ${from} in`,
        )
    }
    const [{ egress = [] }] = [
      policyOf(
        objects.filter(({ metadata }) => metadata.namespace === 'copr-builders'),
        'builders-out',
      ),
    ]
    const blocks = egress.flatMap(
      ({ to }) => to?.flatMap(({ ipBlock }) => ipBlock?.except ?? []) ?? [],
    )
    assert.ok(blocks.includes('169.254.0.0/16'))
  })
  eachContainer(({ securityContext }, pod) => {
    assert.deepEqual(securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    assert.equal(pod.spec.securityContext['runAsNonRoot'], true)
    assert.deepEqual(pod.spec.securityContext['seccompProfile'], { type: 'RuntimeDefault' })
    const mayAsk = pod.metadata.labels['app.kubernetes.io/name'] === 'resalloc'
    assert.equal(pod.spec.automountServiceAccountToken, mayAsk)
    assert.doesNotMatch(text(pod.spec), /hostPath|hostNetwork|hostPID|hostIPC|hostPort/)
  })
  inEachCase((objects, name) => {
    for (const { spec, metadata } of podsOf(objects)) {
      // OpenShift refuses user IDs outside its range.
      const isKubernetes = name.startsWith('kubernetes')
      assert.equal('runAsUser' in spec.securityContext, isKubernetes)
      assert.equal('openshift.io/required-scc' in metadata.annotations, !isKubernetes)
    }
  })
})

test('defect 11: resalloc accepts no connections and has no Route', () => {
  inEachCase((objects) => {
    // The Service of resalloc exposes only the probes, for monitoring.
    const { spec } = named(objects, 'Service', 'resalloc') as { spec?: { ports: unknown } }
    assert.deepEqual(spec?.ports, [{ name: 'probes', port: 9004, targetPort: 'resalloc-probe' }])
    const ports = policyOf(objects, 'resalloc-in').ingress?.flatMap((rule) =>
      rule.ports?.map(({ port }) => port),
    )
    assert.ok(!ports?.includes(5004))
  })
})

test('every long-running program is monitored, including resalloc if there are pools', () => {
  for (const [vars, watched] of [
    [WITH_ALL, true],
    [{}, false],
  ] as const) {
    const objects = render(Vars.parse(vars), sampleFacts('openshift'))
    const services = ofKind(objects, 'Service').map(({ metadata }) => metadata.name)
    assert.equal(services.includes('resalloc'), watched)
    const rules = text(ofKind(objects, 'PrometheusRule'))
    for (const component of ['frontend', 'backend', 'distgit', 'keygen'])
      assert.ok(rules.includes(`component=\\"${component}\\"`), component)
    assert.equal(rules.includes('component=\\"resalloc\\"'), watched)
  }
})

test('defect 12: uploads are on the results volume', () => {
  eachContainer(({ name, volumeMounts }) => {
    const data = volumeMounts.find(({ mountPath }) => mountPath === '/var/lib/copr')
    const want: Record<string, string> = {
      frontend: 'results',
      backend: 'results',
      distgit: 'sources',
      postgresql: 'database',
    }
    assert.equal(data?.name, want[name])
  })
})

test('results in S3 need no volume, and frontend and backend have several replicas, each with its own disk', () => {
  const bucket_claim = { storage_class: 'openshift-storage.noobaa.io' }
  const results = { kind: 's3', s3: { bucket_claim } }
  const objects = render(
    Vars.parse({ profile: 'large', storage: { results } }),
    sampleFacts('openshift'),
  )
  const claims = ofKind(objects, 'PersistentVolumeClaim').map(({ metadata }) => metadata.name)
  assert.deepEqual(claims, ['sources', 'database'])
  assert.doesNotMatch(text(objects), /ReadWriteMany/)
  assert.equal(ofKind(objects, 'ObjectBucketClaim').length, 1)
  const backend = named(objects, 'Deployment', 'backend') as { spec?: { replicas?: number } }
  assert.equal(backend.spec?.replicas, 3)
  for (const { spec, metadata } of podsOf(objects)) {
    const isUser = ['copr/frontend', 'copr/backend'].some((label) => metadata.labels[label])
    assert.equal(text(spec.volumes).includes('"secret":{"name":"results"}'), isUser)
  }
  for (const component of ['frontend', 'backend'])
    assert.match(text(policyOf(objects, `${component}-out`)), /openshift-storage/)
  assert.doesNotMatch(text(policyOf(objects, 'keygen-out')), /openshift-storage/)
})

test('defect 13: no init container touches the database, and nothing deletes data', () => {
  inEachCase((objects) => {
    for (const { spec } of podsOf(objects)) assert.equal(spec['initContainers'], undefined)
    assert.doesNotMatch(text(objects), /rm -rf|initdb/)
  })
})

test('defect 14: signing keys are in the database, encrypted with a master key that has its own Secret', () => {
  inEachCase((objects) => {
    const { spec } = podsOf(objects).find(({ metadata }) => metadata.labels['copr/keygen']) ?? {}
    assert.doesNotMatch(text(spec?.volumes), /persistentVolumeClaim/)
    assert.match(text(spec?.volumes), /keygen-master-key/)
  })
})

test('defect 15: one Job migrates the database, and other components wait for the same lock', () => {
  inEachCase((objects) => {
    const [job, ...more] = ofKind(objects, 'Job')
    assert.deepEqual(more, [])
    assert.match(job?.metadata.name ?? '', /^prepare-[0-9a-f]{10}$/)
  })
  const version = (more: Partial<Facts>): string | undefined =>
    ofKind(render(Vars.parse({}), sampleFacts('openshift', more)), 'Job')[0]?.metadata.name
  assert.equal(version({}), version({}))
  assert.notEqual(version({}), version({ images: { server: 'a@sha256:1', postgresql: 'b' } }))
})

test('defect 16: a ReadWriteOnce volume is used by only one pod; a shared volume lets components have several replicas', () => {
  const once = podsOf(render(Vars.parse({ profile: 'large' }), sampleFacts('openshift')))
  assert.equal(once.filter(({ spec }) => text(spec.volumes).includes('"results"')).length, 1)
  inEachCase((objects) => assert.doesNotMatch(text(objects), /affinity/i))
  const shared = render(Vars.parse(SHARED), sampleFacts('openshift'))
  assert.match(text(named(shared, 'PersistentVolumeClaim', 'results')), /ReadWriteMany/)
  assert.equal(
    (named(shared, 'Deployment', 'backend') as { spec?: { replicas?: number } }).spec?.replicas,
    3,
  )
})

test('defect 17: every program gets the public host from one source', () => {
  inEachCase((objects, name) => {
    const host = name.startsWith('kubernetes') ? 'copr.example.org' : 'copr.apps.example.org'
    for (const { public_url } of Object.values(programs(objects)))
      assert.equal(public_url, `https://${host}`)
  })
})

test('defect 18: programs accept their configuration, and every file that it names is mounted', () => {
  inEachCase((objects) => {
    for (const [name, raw] of Object.entries(programs(objects))) {
      const value = JSON.parse(
        text(raw).replaceAll(/\{"from_file":"[^"]+"\}/g, '"sixteen letters at least"'),
      ) as unknown
      assert.equal(Configuration.safeParse(value).error, undefined, name)
      const pod = podsOf(objects).find(({ metadata }) => metadata.labels[`copr/${name}`])
      const volume = text(pod?.spec.volumes.find((each) => each['name'] === `config-${name}`))
      const files = [...text(raw).matchAll(/\/etc\/copr\/([^"]+)/g)].map(([, path]) => path)
      const unused = name === 'keygen' ? [] : ['master-key/master-key']
      for (const file of files)
        if (!unused.includes(file ?? ''))
          assert.ok(volume.includes(`"path":"${file}"`), `${name}: ${file}`)
    }
  })
})

test('defect 19: locks need no volume', () => {
  inEachCase((objects) => {
    const claims = ofKind(objects, 'PersistentVolumeClaim').map(({ metadata }) => metadata.name)
    assert.deepEqual(claims, ['results', 'sources', 'database'])
  })
})

test('defect 20: only Deployments, StatefulSets and Jobs create pods', () => {
  inEachCase((objects) => {
    const kinds = new Set(podsOf(objects).map(({ owner }) => owner.kind))
    assert.deepEqual(kinds, new Set(['StatefulSet', 'Job', 'Deployment']))
    assert.doesNotMatch(text(objects), /DeploymentConfig|image\.openshift\.io/)
  })
})

test('defect 21: no image comes from the cluster', () => {
  eachContainer(({ image }) => assert.match(image, /^registry\.example\.org\//))
})

test('defect 22: every image is named by its digest', () => {
  eachContainer(({ image }) => assert.match(image, /@sha256:[0-9a-f]{64}$/))
})

test('defect 23: every long-running program has three probes and time to stop; public ones wait for the router', () => {
  eachContainer((container, pod) => {
    if (container.name === 'prepare') return
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'] as const)
      assert.ok(container[probe], `${container.name} has no ${probe}`)
    assert.doesNotMatch(text(container.livenessProbe), /readyz/)
    assert.ok(Number(pod.spec['terminationGracePeriodSeconds']) >= 60)
    if (container.name !== 'postgresql') assert.ok(container.lifecycle)
  })
})

test('defect 24: every container has resource requests; none has a CPU limit unless a quota demands one', () => {
  eachContainer(({ resources }) => {
    assert.deepEqual(Object.keys(resources.requests), ['cpu', 'memory'])
    assert.deepEqual(Object.keys(resources.limits), ['memory'])
  })
  const demanded = { cpu: true, memory: true }
  for (const { spec } of podsOf(
    render(Vars.parse({}), sampleFacts('openshift', { limits_demanded: demanded })),
  ))
    for (const { resources } of spec.containers) assert.ok(resources.limits['cpu'])
})

test('defect 25: no volume holds logs', () => {
  inEachCase((objects) => assert.doesNotMatch(text(objects), /"(mountPath|claimName)":"[^"]*log/))
})

test('defect 26: the programs do periodic work themselves, without CronJobs', () => {
  inEachCase((objects) => {
    assert.deepEqual(ofKind(objects, 'CronJob'), [])
    assert.ok(
      podsOf(objects).some(({ spec }) => spec.containers.some(({ name }) => name === 'backend')),
    )
  })
})

test('defect 27: pools come only from the configuration, without built-in clouds', () => {
  const pools = { mine: { region: 'somewhere' } }
  const objects = render(
    Vars.parse({ builders: { pools, aws: { secret: 'a' } } }),
    sampleFacts('openshift'),
  )
  const { data } = named(objects, 'ConfigMap', 'pools') as unknown as {
    data: Record<string, string>
  }
  assert.deepEqual(parse(data['pools.yaml'] ?? ''), pools)
  assert.doesNotMatch(text(objects), /us-east-1|ami-|subnet-|t3a/)
})

test('defect 29: only a changed input of a component rolls out new pods', () => {
  const sum = (vars: unknown, more: Partial<Facts>, name: string): string | undefined =>
    podsOf(render(Vars.parse(vars), sampleFacts('openshift', more))).find(
      ({ metadata }) => metadata.labels['app.kubernetes.io/name'] === name,
    )?.metadata.annotations['copr/checksum']
  assert.equal(sum({}, {}, 'keygen'), sum({}, {}, 'keygen'))
  assert.notEqual(sum({}, {}, 'servers'), sum({ site: { site_name: 'X' } }, {}, 'servers'))
  const rotated = { secret_checksums: { database: '1', 'keygen-master-key': '9' } }
  assert.notEqual(sum({}, {}, 'keygen'), sum({}, rotated, 'keygen'))
  assert.equal(sum({}, {}, 'servers'), sum({}, rotated, 'servers'))
})

test('defect 30: every component runs under the init process of the image', () => {
  eachContainer((container) => assert.equal('command' in container, false))
})

test('defect 31: inside the cluster components find each other through Services, and no domain is built in', () => {
  inEachCase((objects) => {
    assert.match(
      String(programs(objects)['distgit']?.['internal_url']),
      /^https:\/\/backend\.copr\.svc:5001$/,
    )
    assert.doesNotMatch(text(objects), /apps\.crc|hostAliases/)
  })
})

test('defect 32: metrics, disruption budgets and a quota for builders exist', () => {
  const objects = render(Vars.parse({ ...WITH_ALL, ...SHARED }), sampleFacts('openshift'))
  named(objects, 'ServiceMonitor', 'copr')
  for (const name of ['frontend', 'backend', 'keygen']) {
    const { spec } = named(objects, 'PodDisruptionBudget', name) as unknown as {
      spec: Record<string, unknown>
    }
    assert.equal(spec['maxUnavailable'], 1)
    assert.equal(spec['unhealthyPodEvictionPolicy'], 'AlwaysAllow')
  }
  named(objects, 'ResourceQuota', 'builders')
  const small = render(Vars.parse({}), sampleFacts('openshift'))
  assert.deepEqual(
    ofKind(small, 'PodDisruptionBudget'),
    [],
    'one on a single pod would block the drain of its node',
  )
})

test('selectors match pods, Services use existing ports, Routes use existing Services, and references name existing objects', () => {
  inEachCase((objects) => {
    const pods = podsOf(objects)
    for (const service of ofKind(objects, 'Service') as unknown as (KubeObject & {
      spec: { selector: Record<string, string>; ports: { targetPort: string }[] }
    })[]) {
      const behind = pods.filter(({ metadata }) =>
        Object.entries(service.spec.selector).every(
          ([key, value]) => metadata.labels[key] === value,
        ),
      )
      assert.equal(behind.length, 1, nameOf(service))
      const ports = behind.flatMap(({ spec }) =>
        spec.containers.flatMap((each) => each.ports ?? []),
      )
      for (const { targetPort } of service.spec.ports)
        assert.ok(
          ports.some(({ name }) => name === targetPort),
          `${nameOf(service)}: ${targetPort}`,
        )
    }
    for (const { spec } of pods) {
      named(objects, 'ServiceAccount', spec.serviceAccountName)
      const claims = [...text(spec).matchAll(/"claimName":"([^"]+)"/g)].map(
        ([, name]) => name ?? '',
      )
      for (const claim of claims) named(objects, 'PersistentVolumeClaim', claim)
      const ports = spec.containers.flatMap(({ ports: own = [] }) =>
        own.map(({ containerPort }) => containerPort),
      )
      assert.equal(new Set(ports).size, ports.length)
      const mounted = spec.containers.flatMap(({ volumeMounts }) =>
        volumeMounts.map(({ name }) => name),
      )
      assert.deepEqual(new Set(mounted), new Set(spec.volumes.map((each) => each['name'])))
    }
    const keys = objects.map(
      ({ kind, metadata }) => `${kind} ${metadata.namespace} ${metadata.name}`,
    )
    assert.equal(new Set(keys).size, keys.length)
    for (const { metadata } of objects) assert.ok(metadata.name.length <= 63)
  })
})
