import { lookup } from 'node:dns/promises'
import { messageOf } from '@copr/process/errors'
import { ifAllowed, type KubeApi } from '@copr/kube-client/kube-api'
import { readState, refOf } from './state.ts'
import { currentObjects, type LookOptions, plannedObjects, requireCluster } from './deployment.ts'
import { isWaitedFor, readinessOf, volumeHint } from './readiness.ts'
import { hintFor } from './failure-hints.ts'
import { type KubeObject, nameOf } from '@copr/kube-client/kube-object'
import { requireRights } from './rights.ts'
import { requireQuota } from './quota-check.ts'

export interface Check {
  check: string
  ok: boolean
  words: string
}

/** Checks everything that a deployment needs, starting with the cluster. A failed check does not hide the others. */
export async function doctor(api: KubeApi, options: LookOptions): Promise<Check[]> {
  const { vars } = options.read
  const checks: Check[] = []
  const check = async (name: string, ask: () => Promise<string>): Promise<void> => {
    try {
      checks.push({ check: name, ok: true, words: await ask() })
    } catch (error) {
      checks.push({ check: name, ok: false, words: messageOf(error) })
    }
  }
  await check('cluster', async () => {
    requireCluster(api, options.read)
    await api.request('GET', '/version')
    return api.server
  })
  let host = ''
  let planned: KubeObject[] = []
  await check('facts', async () => {
    const state = await ifAllowed(readState(api, vars.name))
    const { facts, objects } = await plannedObjects(api, options, state)
    host = facts.host
    planned = objects
    return `${facts.flavour}, requests by ${facts.exposure}, host ${facts.host}`
  })
  await check('storage', () => storageSummary(api, options.read.vars.storage.class))
  await check('rights', async () => {
    await requireRights(api, planned, vars.name)
    return 'all rights that a deployment needs'
  })
  await check('quota', () => quotaSummary(api, planned, vars.name))
  await check('objects', async () => {
    const { objects } = await currentObjects(api, options)
    const states = await Promise.all(
      objects.filter(isWaitedFor).map((each) => readinessOf(api, refOf(each))),
    )
    const claims = objects.filter(({ kind }) => kind === 'PersistentVolumeClaim').map(refOf)
    const volumes = await Promise.all(
      claims.map(async (ref) => ({
        object: nameOf(ref),
        why: (await volumeHint(api, ref)) ?? '',
      })),
    )
    const wrong = [
      ...volumes.filter(({ why }) => why !== ''),
      ...states.filter(({ ready }) => !ready),
    ]
    const told = wrong.map(({ object, why }) => hintFor(object, why, vars.name))
    if (told.length > 0)
      throw new Error(
        told.map(({ sentence, command }) => `${sentence}\n    try: ${command}`).join('\n  '),
      )
    return `${objects.length} objects, all ready`
  })
  await check('name', async () => (await lookup(host)).address)
  await check('site', () => siteSummary(host))
  return checks
}

async function storageSummary(api: KubeApi, wanted: string | undefined): Promise<string> {
  const classes = await ifAllowed(api.list('storage.k8s.io/v1', 'StorageClass'))
  if (!classes) return 'you may not list storage classes'
  const names = classes.map(({ metadata }) => metadata.name)
  if (wanted !== undefined) {
    if (!names.includes(wanted))
      throw new Error(`there is no class ${wanted}; available: ${names.join(', ')}`)
    return wanted
  }
  const standard = classes.find(
    ({ metadata }) =>
      metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true',
  )
  if (!standard)
    throw new Error(
      `no class is the default; set storage.class in vars.yml to one of: ${names.join(', ')}`,
    )
  return `${standard.metadata.name}, the default`
}

async function quotaSummary(
  api: KubeApi,
  planned: KubeObject[],
  namespace: string,
): Promise<string> {
  const quotas = (await ifAllowed(api.list('v1', 'ResourceQuota', { namespace }))) ?? []
  await requireQuota(api, planned, namespace)
  return quotas.length === 0 ? 'none' : `${quotas.length}, with capacity left`
}

async function siteSummary(host: string): Promise<string> {
  const url = `https://${host}/api_3/`
  const { status } = await fetch(url, { signal: AbortSignal.timeout(10_000) })
  if (status >= 500) throw new Error(`${url} answers ${status}`)
  return `${url} answers ${status}`
}
