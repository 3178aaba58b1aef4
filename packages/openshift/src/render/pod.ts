import { createHash } from 'node:crypto'
import { databaseAccess } from './database.ts'
import { eventsSecrets, eventsSources } from './events.ts'
import { LOGIN_TOKEN } from './login.ts'
import { type Facts, isOpenShift } from './facts.ts'
import type { Size } from './profiles.ts'
import {
  asksCluster,
  CONFIG_DIR,
  CONFIG_FILE,
  DATA_DIR,
  type Program,
  programConfig,
  hasAccountTokens,
  KEYGEN_AUDIENCE,
  KEYGEN_CALLERS,
  servesTls,
} from './program-config.ts'
import { KEYGEN_SECRET } from '../secrets/generated-secrets.ts'
import { BUCKET_USERS, bucketSources, secretOfS3 } from './results-in-s3.ts'
import { COMPONENTS, componentLabel, type RenderContext } from './render-context.ts'
import { amountOf } from '@copr/contract/deployment/quantity'

/** The user ID of pods if the cluster does not assign one. */
const USER = 10001
/** Before a server stops listening, the router gets this long to stop sending requests to it. */
const BEFORE_STOP = { preStop: { sleep: { seconds: 5 } } }
const READ_BY_GROUP = 0o440

export interface Container {
  program: Program
  size: Size
  args?: string[]
  env?: object[]
  /** Name of the claim for the volume with the component's data. */
  data?: string
  mounts?: object[]
}

export interface PodOptions {
  account: string
  containers: Container[]
  /** Volumes in addition to those that the containers need. */
  volumes?: object[]
  /** Whether the pod may be one of several replicas, which are spread over nodes and zones. */
  spread?: boolean
  restart?: 'Always' | 'OnFailure'
  grace_seconds?: number
  api_token?: boolean
}

/** Returns a pod template that complies with the strictest Pod Security level. */
export function podTemplate(context: RenderContext, name: string, options: PodOptions): object {
  const { facts, vars } = context
  const { account, containers, volumes = [], spread = false, restart = 'Always' } = options
  const hasSccs = isOpenShift(facts)
  const labels = { 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': 'copr' }
  const components = Object.assign({}, ...containers.map(({ program }) => componentLabel(program)))
  return {
    metadata: {
      labels: { ...labels, ...components },
      annotations: {
        ...(hasSccs ? { 'openshift.io/required-scc': 'restricted-v2' } : {}),
        'copr/checksum': checksum(context, containers),
      },
    },
    spec: {
      serviceAccountName: account,
      automountServiceAccountToken: options.api_token ?? false,
      enableServiceLinks: false,
      ...(restart === 'Always' ? {} : { restartPolicy: restart }),
      ...(options.grace_seconds ? { terminationGracePeriodSeconds: options.grace_seconds } : {}),
      ...(vars.images.pull_secret ? { imagePullSecrets: [{ name: vars.images.pull_secret }] } : {}),
      ...(facts.priority_classes ? { priorityClassName: 'copr-control' } : {}),
      // OpenShift assigns a range of user IDs to each namespace, and refuses others.
      securityContext: {
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
        ...(hasSccs ? {} : { runAsUser: USER, runAsGroup: 0, fsGroup: USER }),
        fsGroupChangePolicy: 'OnRootMismatch',
      },
      ...(spread && !facts.single_node ? { topologySpreadConstraints: spreadOf(labels) } : {}),
      containers: containers.map((container) => containerOf(context, container)),
      volumes: [...containers.flatMap((each) => volumesOf(context, each)), ...volumes].filter(
        firstOfName,
      ),
    },
  }
}

function firstOfName(volume: object, index: number, all: object[]): boolean {
  const name = (each: object): unknown => (each as { name: string }).name
  return all.findIndex((other) => name(other) === name(volume)) === index
}

/** Returns a checksum of everything that the containers read only when they start, so that a change rolls out new pods. */
function checksum(context: RenderContext, containers: Container[]): string {
  const hash = createHash('sha256')
  for (const { program } of containers) {
    hash.update(programConfig(context, program))
    for (const secret of secretsOf(context, program))
      hash.update(`${secret}=${context.facts.secret_checksums[secret] ?? ''}\n`)
  }
  return hash.digest('hex').slice(0, 32)
}

/**
 * Lists the Secrets that a program reads only at its start. Certificates are not included, because programs reload them when they change.
 */
function secretsOf(context: RenderContext, program: Program): string[] {
  const { oidc } = context.vars.login
  const bucket = secretOfS3(context.vars)
  return [
    databaseAccess(context).password.secret,
    ...(program === 'keygen' ? ['keygen-master-key'] : []),
    ...(program === 'frontend' && oidc ? [oidc.client_secret.secret] : []),
    ...(program === 'resalloc' ? [context.vars.builders.aws.secret ?? 'cloud-aws'] : []),
    ...(BUCKET_USERS.has(program) && bucket !== undefined ? [bucket] : []),
    ...(program === 'backend' ? eventsSecrets(context.vars) : []),
  ]
}

function containerOf(context: RenderContext, container: Container): object {
  const { program, size, env = [], mounts = [], data } = container
  const { facts } = context
  const heap = Math.floor((amountOf(size.memory_limit) * 0.7) / 1024 ** 2)
  const cpu = limitOfCpu(size.cpu, facts)
  const demanded = cpu === undefined ? {} : { cpu }
  return {
    name: program,
    image: program === 'postgresql' ? facts.images.postgresql : facts.images.server,
    args: container.args ?? ['run', program, '--config', CONFIG_FILE],
    env: [{ name: 'NODE_OPTIONS', value: `--max-old-space-size=${heap}` }, ...env],
    ...portsAndProbes(program),
    resources: {
      requests: { cpu: size.cpu, memory: size.memory },
      limits: { memory: size.memory_limit, ...demanded },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: 'tmp', mountPath: '/tmp' },
      { name: `config-${program}`, mountPath: CONFIG_DIR, readOnly: true },
      ...(data === undefined ? [] : [{ name: data, mountPath: DATA_DIR }]),
      ...mounts,
    ],
  }
}

/**
 * Returns the CPU limit for a container that needs one: enough to start at full speed, or the maximum of the range if that is lower.
 * Undefined for other containers.
 */
function limitOfCpu(
  request: string,
  { limits_demanded, cpu_range }: Pick<Facts, 'limits_demanded' | 'cpu_range'>,
): string | undefined {
  const { default: standard, max } = cpu_range ?? {}
  const suffices = standard === undefined || amountOf(request) <= amountOf(standard)
  if (!limits_demanded.cpu && suffices) return undefined
  const wanted = Math.max(1, Math.ceil(amountOf(request) * 4))
  return max !== undefined && amountOf(max) < wanted ? max : String(wanted)
}

function portsAndProbes(program: Program): object {
  if (program === 'prepare') return {}
  if (program === 'postgresql') {
    const tcp = { tcpSocket: { port: 'postgresql' } }
    return {
      ports: [{ name: 'postgresql', containerPort: 5432 }],
      startupProbe: { ...tcp, periodSeconds: 2, failureThreshold: 150 },
      readinessProbe: { ...tcp, periodSeconds: 5 },
      livenessProbe: { ...tcp, periodSeconds: 20, failureThreshold: 6 },
    }
  }
  const { port, probes_port } = COMPONENTS[program]
  const probe = (path: string): object => ({
    httpGet: { path, port: `${program.slice(0, 8)}-probe` },
  })
  return {
    ports: [
      { name: program, containerPort: port },
      { name: `${program.slice(0, 8)}-probe`, containerPort: probes_port },
    ],
    // At startup, programs wait for the database and its schema, and `/readyz` fails until then. They have 600 s: 300 failures, one every 2
    // s.
    startupProbe: { ...probe('/readyz'), periodSeconds: 2, failureThreshold: 300 },
    readinessProbe: {
      ...probe('/readyz'),
      periodSeconds: 5,
      timeoutSeconds: 5,
      failureThreshold: 3,
    },
    livenessProbe: {
      ...probe('/livez'),
      periodSeconds: 20,
      timeoutSeconds: 10,
      failureThreshold: 6,
    },
    lifecycle: BEFORE_STOP,
  }
}

function volumesOf(context: RenderContext, { program, data }: Container): object[] {
  return [
    { name: 'tmp', emptyDir: {} },
    {
      name: `config-${program}`,
      projected: { defaultMode: READ_BY_GROUP, sources: sourcesOf(context, program) },
    },
    ...(data === undefined ? [] : [{ name: data, persistentVolumeClaim: { claimName: data } }]),
  ]
}

/**
 * Returns the sources of the projected volume of a program: its own configuration, CA certificates, certificate and secrets, but not those
 * of other programs.
 */
function sourcesOf(context: RenderContext, program: Program): object[] {
  const { facts, vars } = context
  const access = databaseAccess(context)
  const secret = (name: string, key: string, path: string): object => ({
    secret: { name, items: [{ key, path }] },
  })
  const { oidc } = vars.login
  return [
    {
      configMap: {
        name: 'programs',
        items: [{ key: `${program}.yaml`, path: 'config/copr.yaml' }],
      },
    },
    facts.service_ca
      ? { configMap: { name: 'service-ca', items: [{ key: 'service-ca.crt', path: 'ca/ca.crt' }] } }
      : { configMap: { name: 'internal-ca', items: [{ key: 'ca.crt', path: 'ca/ca.crt' }] } },
    secret(access.password.secret, access.password.key, 'database/password'),
    ...(access.ca ? [secret(access.ca.secret, access.ca.key, 'database-ca/ca.crt')] : []),
    ...(facts.ingress_ca === undefined
      ? []
      : [
          {
            configMap: {
              name: 'ingress-ca',
              items: [{ key: 'ca.crt', path: 'ingress-ca/ca.crt' }],
            },
          },
        ]),
    ...(servesTls(context, program)
      ? [
          secret(`${program}-tls`, 'tls.crt', 'tls/tls.crt'),
          secret(`${program}-tls`, 'tls.key', 'tls/tls.key'),
        ]
      : []),
    ...keygenSources(context, program),
    ...(BUCKET_USERS.has(program) ? bucketSources(context) : []),
    ...eventsSources(context, program),
    ...(program === 'frontend' && oidc
      ? [secret(oidc.client_secret.secret, oidc.client_secret.key, 'oidc/client_secret')]
      : []),
    ...(asksCluster(context, program) ? [secret(LOGIN_TOKEN, 'token', 'login/token'), API_CA] : []),
  ]
}

/** A token of the pod's account, which the kubelet renews; without an audience, the token is for the API server. */
function token(path: string, audience?: string): object {
  return {
    serviceAccountToken: {
      path,
      expirationSeconds: 600,
      ...(audience === undefined ? {} : { audience }),
    },
  }
}

const API_CA = {
  configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'api/ca.crt' }] },
}

/**
 * Returns the projected sources that keygen and its callers need: for keygen, its master key; to authenticate callers, a service account
 * token or, if pods have none, a shared secret.
 */
function keygenSources({ facts }: RenderContext, program: Program): object[] {
  const isKeygen = program === 'keygen'
  const items = [{ key: 'master-key', path: 'master-key/master-key' }]
  const master = isKeygen ? [{ secret: { name: 'keygen-master-key', items } }] : []
  if (!isKeygen && !KEYGEN_CALLERS.has(program)) return []
  if (!hasAccountTokens(facts)) {
    const shared = [{ key: 'secret', path: 'keygen/secret' }]
    return [...master, { secret: { name: KEYGEN_SECRET, items: shared } }]
  }
  if (!isKeygen) return [token('keygen/token', KEYGEN_AUDIENCE)]
  return [...master, token('api/token'), API_CA]
}

function spreadOf(labels: object): object[] {
  return ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: labels },
  }))
}
