import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { circlesIn, readImportGraph } from './import-graph.ts'

const COMPONENT = ['rpm', 'contract', 'process', 'agent', 'keygen-client', 'object-store', 'domain']

/** The packages of this project that each package may import in production code; lower layers come first (docs/architecture.md). */
const OURS: Record<string, string[]> = {
  rpm: [],
  contract: [],
  process: ['contract'],
  agent: ['contract', 'process'],
  'keygen-client': ['contract', 'process'],
  'object-store': ['contract', 'process'],
  'kube-client': ['process'],
  domain: ['rpm', 'contract', 'process'],
  frontend: COMPONENT,
  backend: COMPONENT,
  resalloc: [...COMPONENT, 'kube-client'],
  distgit: ['rpm', 'contract', 'process', 'agent'],
  builder: ['rpm', 'contract', 'process', 'agent'],
  keygen: ['contract', 'process'],
  openshift: ['contract', 'process', 'kube-client'],
  'demo-distro': ['contract', 'process'],
  server: [
    ...COMPONENT,
    'frontend',
    'backend',
    'distgit',
    'keygen',
    'resalloc',
    'builder',
    'openshift',
  ],
  cli: [...COMPONENT, 'kube-client', 'resalloc', 'builder', 'openshift', 'demo-distro', 'server'],
  // Used by tests only.
  testkit: ['rpm', 'contract', 'process', 'domain', 'demo-distro'],
}

/** The reason for each external dependency. A dependency that has no reason fails the test. */
const OTHERS: Record<string, string> = {
  '@aws-sdk/client-ec2': 'starts and ends machines in EC2',
  '@aws-sdk/client-s3': 'stores results at any server that speaks S3',
  '@aws-sdk/credential-providers': 'assumes the role that a pool of EC2 names',
  '@aws-sdk/lib-storage': 'uploads data of unknown length to S3',
  '@aws-sdk/s3-request-presigner': 'signs URLs at which clients download from S3 directly',
  '@hono/node-server': 'serves Hono apps on Node',
  '@kubernetes/client-node':
    'reads the kubeconfig, finds the cluster and proves who we are to it; types of pods',
  '@patternfly/patternfly': 'provides the styles of the pages',
  '@peculiar/x509': 'makes the certificates of an internal authority',
  amqplib: 'publishes events to a message broker, with confirmations',
  busboy: 'streams multipart uploads',
  commander: 'reads the command line',
  execa: 'runs programs, and ends their descendants too',
  hono: 'routes HTTP',
  jose: 'checks the tokens of service accounts',
  kysely: 'writes SQL with types',
  leven: 'finds the word that was mistyped',
  'markdown-it': 'renders the Markdown of project descriptions as HTML',
  nodemailer: 'sends mail',
  'openid-client': 'logs in at an OpenID Connect provider',
  'p-map': 'limits how many transfers run at the same time',
  pg: 'talks to PostgreSQL',
  pino: 'writes logs',
  'prom-client': 'counts and times requests, and writes the text format of Prometheus',
  'reflect-metadata': 'is needed by @peculiar/x509',
  'tar-stream': 'packs the agent for builders',
  yaml: 'reads the configuration file',
  zod: 'validates all input from outside',
}

interface Manifest {
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

const graph = readImportGraph(fileURLToPath(new URL('../', import.meta.url)))
const packages = readdirSync(new URL('../packages/', import.meta.url))

test('the table of boundaries contains every package', () => {
  assert.deepEqual(packages.toSorted(), Object.keys(OURS).toSorted())
})

test('no files import one another in a cycle, including by type imports', () => {
  assert.deepEqual(circlesIn(graph), [])
})

for (const name of packages) {
  const manifest = JSON.parse(
    readFileSync(new URL(`../packages/${name}/package.json`, import.meta.url), 'utf8'),
  ) as Manifest
  const used = Object.keys(manifest.dependencies ?? {})

  test(`packages/${name} uses only packages that its layer allows`, () => {
    const ours = used
      .filter((each) => each.startsWith('@copr/'))
      .map((each) => each.slice('@copr/'.length))
    assert.deepEqual(
      ours.filter((each) => !OURS[name]?.includes(each)),
      [],
    )
  })

  test(`packages/${name} has a reason for each external dependency`, () => {
    const others = used.filter((each) => !each.startsWith('@copr/'))
    assert.deepEqual(
      others.filter((each) => !(each in OTHERS)),
      [],
    )
  })

  test(`packages/${name} pins exact versions`, () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
    assert.deepEqual(
      versions.filter(([, version]) => !/^\d/.test(version)),
      [],
    )
  })

  const production = [...graph].flatMap(([file, imports]) =>
    isProduction(file, name) ? imports.map((each) => ({ file, ...each })) : [],
  )

  test(`the production code of packages/${name} imports only from its dependencies and itself`, () => {
    assert.ok(production.length > 0)
    const others = production.filter(({ specifier, target }) => {
      const dependency = packageOf(specifier)
      if (dependency !== undefined) return !used.includes(dependency)
      return target !== undefined && !target.startsWith(`packages/${name}/`)
    })
    assert.deepEqual(others, [])
  })

  if (name !== 'testkit')
    test(`the production code of packages/${name} imports no tests and nothing from testing/`, () => {
      const others = production.filter(({ target }) => target !== undefined && isOfTests(target))
      assert.deepEqual(others, [])
    })
}

function isProduction(file: string, name: string): boolean {
  return file.startsWith(`packages/${name}/src/`) && !isOfTests(file)
}

function isOfTests(file: string): boolean {
  return /\.test\.ts$|\/testing(\/|\.ts$)/.test(file)
}

/**
 * Returns the package that a specifier refers to, such as `hono` for `hono/html`; undefined for relative imports and for Node's modules.
 */
function packageOf(specifier: string): string | undefined {
  return /^(?!\.|node:)(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0]
}
