import { createHash } from 'node:crypto'
import type { KubeObject } from '../objects/kube-object.ts'
import { type Container, type PodOptions, podTemplate } from './pod.ts'
import type { Profile } from './profiles.ts'
import { CONFIG_FILE, DATA_DIR } from './program-config.ts'
import { bucketAccess, isInS3 } from './results-in-s3.ts'
import { hasPools, meta, type Part, PART_OF, type Scene } from './scene.ts'

/** The volume of results and uploads. */
const RESULTS = 'results'
const SOURCES = 'sources'

export function workloads(scene: Scene): KubeObject[] {
  const { vars } = scene
  return [
    ...(vars.database.mode === 'embedded' ? [postgresql(scene)] : []),
    prepare(scene),
    ...siteWorkloads(scene),
    distgit(scene),
    ...several(scene, 'keygen', { account: 'keygen', containers: [container(scene, 'keygen')] }),
    ...(hasPools(scene) ? [resalloc(scene)] : []),
  ]
}

/** Frontend and backend: in one pod where they share a volume that can be mounted only once. */
function siteWorkloads(scene: Scene): KubeObject[] {
  if (isInS3(scene.vars))
    return [
      ...several(scene, 'frontend', bucketPod(scene, 'frontend')),
      ...several(scene, 'backend', bucketPod(scene, 'backend')),
      ...autoscaler(scene),
    ]
  const frontend = container(scene, 'frontend', { data: RESULTS })
  const backend = container(scene, 'backend', { data: RESULTS })
  if (!scene.is_shared)
    return [
      deployment(scene, 'servers', {
        // Its volume may be mounted once: the old pod ends before the new one starts.
        strategy: { type: 'Recreate' },
        replicas: 1,
        pod: { account: 'servers', containers: [frontend, backend] },
      }),
    ]
  return [
    ...several(scene, 'frontend', { account: 'frontend', containers: [frontend] }),
    ...several(scene, 'backend', { account: 'backend', containers: [backend] }),
    ...autoscaler(scene),
  ]
}

function bucketPod(scene: Scene, program: 'frontend' | 'backend'): PodOptions {
  const { volumes, ...access } = bucketAccess(scene, program, DATA_DIR)
  return { account: program, containers: [container(scene, program, access)], volumes }
}

function container(scene: Scene, program: Part, more: Partial<Container> = {}): Container {
  return { program, size: scene.profile[program], ...more }
}

/** A Deployment without a volume of its own, and what keeps enough of its pods alive. */
function several(scene: Scene, name: keyof Profile & Part, pod: PodOptions): KubeObject[] {
  const replicas = scene.facts.single_node ? 1 : scene.profile[name].replicas
  const isScaled = name === 'frontend' && scales(scene)
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  return [
    deployment(scene, name, {
      strategy,
      replicas: isScaled ? undefined : replicas,
      pod: { ...pod, spread: replicas > 1 },
    }),
    ...(replicas > 1 ? [disruptionBudget(scene, name)] : []),
  ]
}

interface DeploymentOptions {
  strategy: object
  /** Undefined: something else decides. */
  replicas: number | undefined
  pod: PodOptions
}

function deployment(scene: Scene, name: string, options: DeploymentOptions): KubeObject {
  const { strategy, replicas, pod } = options
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta(scene, name),
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      strategy,
      progressDeadlineSeconds: 900,
      revisionHistoryLimit: 3,
      selector: { matchLabels: { 'app.kubernetes.io/name': name, ...PART_OF } },
      template: podTemplate(scene, name, { grace_seconds: 60, ...pod }),
    },
  }
}

function statefulSet(scene: Scene, name: string, pod: PodOptions): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: meta(scene, name),
    spec: {
      replicas: 1,
      serviceName: name,
      podManagementPolicy: 'Parallel',
      revisionHistoryLimit: 3,
      selector: { matchLabels: { 'app.kubernetes.io/name': name, ...PART_OF } },
      template: podTemplate(scene, name, { grace_seconds: 120, ...pod }),
    },
  }
}

function postgresql(scene: Scene): KubeObject {
  const size = scene.profile.postgresql
  const containers: Container[] = [{ program: 'postgresql', size, data: 'database' }]
  return statefulSet(scene, 'postgresql', { account: 'postgresql', containers })
}

function distgit(scene: Scene): KubeObject {
  const containers = [container(scene, 'distgit', { data: SOURCES })]
  return statefulSet(scene, 'distgit', { account: 'distgit', containers })
}

/** One allocator at a time: it starts machines that cost money. */
function resalloc(scene: Scene): KubeObject {
  const { aws, pods } = scene.vars.builders
  const containers = [
    container(scene, 'resalloc', {
      env: cloudEnv(scene),
      mounts: [
        { name: 'pools', mountPath: '/etc/copr-pools', readOnly: true },
        ...(aws.role_arn
          ? [{ name: 'aws-token', mountPath: '/var/run/secrets/aws', readOnly: true }]
          : []),
      ],
    }),
  ]
  const token = { audience: 'sts.amazonaws.com', expirationSeconds: 3600, path: 'token' }
  const volumes = [
    { name: 'pools', configMap: { name: 'pools' } },
    ...(aws.role_arn
      ? [{ name: 'aws-token', projected: { sources: [{ serviceAccountToken: token }] } }]
      : []),
  ]
  return deployment(scene, 'resalloc', {
    strategy: { type: 'Recreate' },
    replicas: 1,
    pod: { account: 'resalloc', containers, volumes, api_token: pods.enabled },
  })
}

function cloudEnv({ vars }: Scene): object[] {
  const { role_arn, secret } = vars.builders.aws
  if (role_arn)
    return [
      { name: 'AWS_ROLE_ARN', value: role_arn },
      { name: 'AWS_WEB_IDENTITY_TOKEN_FILE', value: '/var/run/secrets/aws/token' },
    ]
  const name = secret ?? 'cloud-aws'
  const fromSecret = (variable: string, key: string): object => ({
    name: variable,
    valueFrom: { secretKeyRef: { name, key, optional: true } },
  })
  return [
    fromSecret('AWS_ACCESS_KEY_ID', 'access_key_id'),
    fromSecret('AWS_SECRET_ACCESS_KEY', 'secret_access_key'),
  ]
}

/** Migrates once for each version, under a lock, and enters the administrator's link. A finished Job stays as it is. */
function prepare(scene: Scene): KubeObject {
  const link = scene.facts.administrator_link
  return onceJob(scene, 'prepare', [
    'prepare',
    '--config',
    CONFIG_FILE,
    ...(link ? ['--administrator-link', link.sha256, '--expires', link.expires] : []),
  ])
}

/** Ends when no machine in a cloud is left. */
export function drainMachines(scene: Scene): KubeObject {
  return onceJob(scene, 'drain', ['drain', '--config', CONFIG_FILE])
}

function onceJob(scene: Scene, name: string, args: string[]): KubeObject {
  const size = { ...scene.profile.keygen, replicas: 1 }
  const template = podTemplate(scene, name, {
    account: 'prepare',
    containers: [{ program: 'prepare', size, args }],
    restart: 'OnFailure',
  })
  // A Job's template cannot be changed: whatever is in it is in its name.
  const version = createHash('sha256').update(JSON.stringify(template)).digest('hex').slice(0, 10)
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: meta(scene, `${name}-${version}`, { component: name }),
    spec: { backoffLimit: 20, template },
  }
}

function disruptionBudget(scene: Scene, name: string): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: meta(scene, name),
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: { 'app.kubernetes.io/name': name, ...PART_OF } },
    },
  }
}

function scales({ facts, profile }: Scene): boolean {
  return !facts.single_node && profile.frontend_max > profile.frontend.replicas
}

function autoscaler(scene: Scene): KubeObject[] {
  if (!scales(scene)) return []
  const { profile } = scene
  return [
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: meta(scene, 'frontend'),
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'frontend' },
        minReplicas: profile.frontend.replicas,
        maxReplicas: profile.frontend_max,
        metrics: [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 200 } },
          },
        ],
      },
    },
  ]
}
