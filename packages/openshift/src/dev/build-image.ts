import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { CoprError } from '@copr/process/errors'
import { type KubeApi, KubeError, unlessMissing } from '@copr/kube-client/kube-api'
import { applyAll } from '../deploy/apply.ts'
import { objectPath } from '@copr/kube-client/kinds'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { buildObjects, type BuildOf, devName } from './build-objects.ts'
import type { SourceArchive } from './source-archive.ts'

export interface DevProgress {
  step(what: string): void
  /** Receives lines of the build log. */
  log(lines: string[]): void
}

export interface BuildOptions {
  source: SourceArchive
  progress: DevProgress
  timeout_ms: number
  poll_ms?: number
  stop: AbortSignal
}

/** Annotations of an ImageStream: a hash of the inputs from which its image was built, and the image's digest. */
const BUILT_FROM = 'copr/built-from'
const BUILT_DIGEST = 'copr/built-digest'

interface Build extends KubeObject {
  status?: {
    phase?: string
    message?: string
    reason?: string
    output?: { to?: { imageDigest?: string } }
  }
}

/** Builds an image in the cluster from an uploaded archive, unless its inputs are unchanged; returns its reference by digest. */
export async function buildImage(
  api: KubeApi,
  of: BuildOf,
  options: BuildOptions,
): Promise<string> {
  const { namespace, image } = of
  const { source, progress } = options
  const name = devName(image)
  const objects = buildObjects(of)
  const [stream, config] = objects
  if (!stream || !config) throw new Error('An image has a stream and a build')
  const { [BUILT_FROM]: before, [BUILT_DIGEST]: known } =
    (await api.find(stream))?.metadata.annotations ?? {}
  const from = inputsOf(of, source)
  const isSame = before === from && known !== undefined
  // Server-side apply removes annotations that are left out. The old digest is removed this way until the new image is built.
  const kept = isSame ? withAnnotations(stream, from, known) : stream
  await applyAll(api, [kept, config], { namespace, tell: () => undefined })
  const repository = await repositoryOf(api, stream, options)
  if (isSame) {
    progress.step(`${name}: nothing has changed since it was built`)
    return `${repository}@${known}`
  }
  progress.step(`${name}: uploading ${(source.bytes / 1e6).toFixed(1)} MB`)
  const build = await instantiate(api, config, source)
  const digest = await untilBuilt(api, build, { ...options, image: name })
  await api.apply(withAnnotations(stream, from, digest))
  progress.step(`${name}: built ${digest}`)
  return `${repository}@${digest}`
}

/** Hashes the inputs that determine the image. REVISION, the commit, is left out. */
function inputsOf({ args: { REVISION: _, ...args } }: BuildOf, { sha256 }: SourceArchive): string {
  return createHash('sha256').update(sha256).update(JSON.stringify(args)).digest('hex')
}

function withAnnotations(stream: KubeObject, from: string, digest: string): KubeObject {
  const annotations = { [BUILT_FROM]: from, [BUILT_DIGEST]: digest }
  return { ...stream, metadata: { ...stream.metadata, annotations } }
}

/** Returns the image's repository in the cluster's own registry. */
async function repositoryOf(
  api: KubeApi,
  stream: KubeObject,
  { poll_ms = 1000, stop }: BuildOptions,
): Promise<string> {
  for (let tries = 0; tries < 15; tries++) {
    const { dockerImageRepository } = ((await api.find(stream))?.['status'] ?? {}) as {
      dockerImageRepository?: string
    }
    if (dockerImageRepository) return dockerImageRepository
    await sleep(poll_ms, undefined, { signal: stop })
  }
  throw new CoprError(
    'conflict',
    'Cannot build in this cluster: it has no internal image registry\n    try: oc get configs.imageregistry.operator.openshift.io cluster, with managementState: Managed; or images.registry in vars.yml and make deploy',
  )
}

/** Starts a build with the archive as its input; returns once a pod has received the archive. */
async function instantiate(
  api: KubeApi,
  config: KubeObject,
  source: SourceArchive,
): Promise<Build> {
  const { name, namespace = '' } = config.metadata
  const query = new URLSearchParams({ name, namespace, 'revision.commit': source.revision })
  try {
    return (await api.upload(`${objectPath(config)}/instantiatebinary?${query.toString()}`, {
      stream: createReadStream(source.path),
      bytes: source.bytes,
    })) as Build
  } catch (error) {
    if (!(error instanceof KubeError)) throw error
    const help =
      error.code === 403
        ? 'oc adm policy add-role-to-user admin YOU, by an administrator of the cluster'
        : `oc -n ${namespace} get builds,pods,events`
    throw new CoprError(
      'unavailable',
      `Cannot start the build of ${name}: ${error.message}\n    try: ${help}`,
    )
  }
}

const FAILED = new Set(['Failed', 'Error', 'Cancelled'])
/** Number of log lines, from the end, that the error of a failed build quotes. */
const LAST_LINES = 20

/** Follows a build until it ends; returns the digest of the image. */
async function untilBuilt(
  api: KubeApi,
  build: Build,
  { image, progress, timeout_ms, poll_ms = 1000, stop }: BuildOptions & { image: string },
): Promise<string> {
  const ref = { ...build, apiVersion: 'build.openshift.io/v1', kind: 'Build' }
  const { name, namespace } = build.metadata
  const began = performance.now()
  let told = ''
  let shown = 0
  for (;;) {
    const { status = {} } = ((await api.find(ref)) ?? {}) as Build
    const { phase = 'New', reason, message, output } = status
    const words = `${image}: build ${name} is ${phase}${reason && !FAILED.has(phase) ? ` (${reason})` : ''}`
    if (words !== told) progress.step(words)
    told = words
    const lines = await logOf(api, ref)
    if (lines.length > shown) progress.log(lines.slice(shown))
    shown = Math.max(shown, lines.length)
    const digest = output?.to?.imageDigest
    if (phase === 'Complete' && digest !== undefined) return digest
    const isOver = performance.now() - began > timeout_ms
    if (FAILED.has(phase) || isOver)
      throw new CoprError(
        'unavailable',
        `Cannot build ${image}: ${isOver ? 'it takes too long' : (message ?? reason ?? phase)}\n${lines
          .slice(-LAST_LINES)
          .map((line) => `  ${line}\n`)
          .join(
            '',
          )}    try: oc -n ${namespace} logs build/${name}; oc -n ${namespace} describe build ${name}`,
      )
    await sleep(poll_ms, undefined, { signal: stop })
  }
}

/** Returns the complete lines of a build's log; none before its pod exists or after the pod is deleted. */
async function logOf(api: KubeApi, ref: Build): Promise<string[]> {
  try {
    const text = await unlessMissing(api.request('GET', `${objectPath(ref)}/log`))
    const lines = typeof text === 'string' ? text.split('\n') : []
    // The last line is incomplete, or empty.
    return lines.slice(0, -1)
  } catch (error) {
    if (error instanceof KubeError && (error.code === 400 || error.code >= 500)) return []
    throw error
  }
}
