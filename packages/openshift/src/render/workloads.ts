import { createHash } from 'node:crypto'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { type Container, type PodOptions, podTemplate } from './pod.ts'
import type { Profile } from './profiles.ts'
import { CONFIG_FILE, DATA_DIR } from './program-config.ts'
import { bucketAccess, isInS3 } from './results-in-s3.ts'
import { hasPools, meta, type Component, PART_OF, type RenderContext } from './render-context.ts'

/** The volume with results and uploads. */
const RESULTS = 'results'
const SOURCES = 'sources'

export function workloads(context: RenderContext): KubeObject[] {
  const { vars } = context
  return [
    ...(vars.database.mode === 'embedded' ? [postgresql(context)] : []),
    prepare(context),
    ...siteWorkloads(context),
    distgit(context),
    ...several(context, 'keygen', {
      account: 'keygen',
      containers: [container(context, 'keygen')],
    }),
    ...(hasPools(context) ? [resalloc(context)] : []),
  ]
}

/** Renders the frontend and the backend. If they share a volume that can be mounted only once, they run in one pod. */
function siteWorkloads(context: RenderContext): KubeObject[] {
  if (isInS3(context.vars))
    return [
      ...several(context, 'frontend', bucketPod(context, 'frontend')),
      ...several(context, 'backend', bucketPod(context, 'backend')),
      ...autoscaler(context),
    ]
  const frontend = container(context, 'frontend', { data: RESULTS })
  const backend = container(context, 'backend', { data: RESULTS })
  if (!context.is_shared)
    return [
      deployment(context, 'servers', {
        // The volume can be mounted only once, so the old pod is stopped before the new one starts.
        strategy: { type: 'Recreate' },
        replicas: 1,
        pod: { account: 'servers', containers: [frontend, backend] },
      }),
    ]
  return [
    ...several(context, 'frontend', { account: 'frontend', containers: [frontend] }),
    ...several(context, 'backend', { account: 'backend', containers: [backend] }),
    ...autoscaler(context),
  ]
}

function bucketPod(context: RenderContext, program: 'frontend' | 'backend'): PodOptions {
  const { volumes, ...access } = bucketAccess(context, program, DATA_DIR)
  return { account: program, containers: [container(context, program, access)], volumes }
}

function container(
  context: RenderContext,
  program: Component,
  more: Partial<Container> = {},
): Container {
  return { program, size: context.profile[program], ...more }
}

/** Renders a Deployment that can have several replicas, and the disruption budget that keeps enough of its pods running. */
function several(
  context: RenderContext,
  name: keyof Profile & Component,
  pod: PodOptions,
): KubeObject[] {
  const replicas = context.facts.single_node ? 1 : context.profile[name].replicas
  const isScaled = name === 'frontend' && scales(context)
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  return [
    deployment(context, name, {
      strategy,
      replicas: isScaled ? undefined : replicas,
      pod: { ...pod, spread: replicas > 1 },
    }),
    ...(replicas > 1 ? [disruptionBudget(context, name)] : []),
  ]
}

interface DeploymentOptions {
  strategy: object
  /** The number of replicas; undefined if an autoscaler sets it. */
  replicas: number | undefined
  pod: PodOptions
}

function deployment(context: RenderContext, name: string, options: DeploymentOptions): KubeObject {
  const { strategy, replicas, pod } = options
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta(context, name),
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      strategy,
      progressDeadlineSeconds: 900,
      revisionHistoryLimit: 3,
      selector: { matchLabels: { 'app.kubernetes.io/name': name, ...PART_OF } },
      template: podTemplate(context, name, { grace_seconds: 60, ...pod }),
    },
  }
}

function statefulSet(context: RenderContext, name: string, pod: PodOptions): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: meta(context, name),
    spec: {
      replicas: 1,
      serviceName: name,
      podManagementPolicy: 'Parallel',
      revisionHistoryLimit: 3,
      selector: { matchLabels: { 'app.kubernetes.io/name': name, ...PART_OF } },
      template: podTemplate(context, name, { grace_seconds: 120, ...pod }),
    },
  }
}

function postgresql(context: RenderContext): KubeObject {
  const size = context.profile.postgresql
  const containers: Container[] = [{ program: 'postgresql', size, data: 'database' }]
  return statefulSet(context, 'postgresql', { account: 'postgresql', containers })
}

function distgit(context: RenderContext): KubeObject {
  const containers = [container(context, 'distgit', { data: SOURCES })]
  return statefulSet(context, 'distgit', { account: 'distgit', containers })
}

/**
 * Renders the single pod of resalloc. resalloc starts machines that cost money, so two must never run: the old pod ends before a new one
 * starts.
 */
function resalloc(context: RenderContext): KubeObject {
  const { aws, pods } = context.vars.builders
  const containers = [
    container(context, 'resalloc', {
      env: cloudEnv(context),
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
  return deployment(context, 'resalloc', {
    strategy: { type: 'Recreate' },
    replicas: 1,
    pod: { account: 'resalloc', containers, volumes, api_token: pods.enabled },
  })
}

function cloudEnv({ vars }: RenderContext): object[] {
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

/**
 * Renders the Job that migrates the database once for each version, under a lock, and stores the hash of the administrator's link. A
 * finished Job is not run again.
 */
function prepare(context: RenderContext): KubeObject {
  const link = context.facts.administrator_link
  return onceJob(context, 'prepare', [
    'prepare',
    '--config',
    CONFIG_FILE,
    ...(link ? ['--administrator-link', link.sha256, '--expires', link.expires] : []),
  ])
}

/** The Job that completes when no cloud machine is left. */
export function drainMachines(context: RenderContext): KubeObject {
  return onceJob(context, 'drain', ['drain', '--config', CONFIG_FILE])
}

function onceJob(context: RenderContext, name: string, args: string[]): KubeObject {
  const size = { ...context.profile.keygen, replicas: 1 }
  const template = podTemplate(context, name, {
    account: 'prepare',
    containers: [{ program: 'prepare', size, args }],
    restart: 'OnFailure',
  })
  // The template of a Job cannot be changed, so a hash of the template is part of the name.
  const version = createHash('sha256').update(JSON.stringify(template)).digest('hex').slice(0, 10)
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: meta(context, `${name}-${version}`, { component: name }),
    spec: { backoffLimit: 20, template },
  }
}

function disruptionBudget(context: RenderContext, name: string): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: meta(context, name),
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: { 'app.kubernetes.io/name': name, ...PART_OF } },
    },
  }
}

function scales({ facts, profile }: RenderContext): boolean {
  return !facts.single_node && profile.frontend_max > profile.frontend.replicas
}

function autoscaler(context: RenderContext): KubeObject[] {
  if (!scales(context)) return []
  const { profile } = context
  return [
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: meta(context, 'frontend'),
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
