import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../../system/until.ts'
import { makeAuthority } from '../certificates.ts'
import type { KubeClient, KubeObject } from '../kube-client.ts'
import type { Cluster } from '../start-cluster.ts'
import { clusterObjects } from './cluster-objects.ts'
import { openshiftCrds } from './crds.ts'
import { startNamespaceRanges } from './namespaces.ts'
import { type RouterOptions, startRouter } from './router.ts'
import { startServiceCa } from './service-ca.ts'

export interface OpenshiftOptions {
  /** Default: `apps.test.invalid`. */
  appsDomain?: string
  /** Whether the router handles a Route. If false, the Route gets no status at all. */
  watches?: RouterOptions['watches']
}

export interface Openshift extends AsyncDisposable {
  readonly appsDomain: string
  /** PEM of the CA that issues the certificates of Services. */
  readonly serviceCa: string
  /** Reconciles Routes after the result of `watches` has changed. */
  lookAgain(): void
}

/**
 * Turns a cluster into an OpenShift, as far as a deployment can see: Routes (and other kinds, as CRDs), the cluster's configuration,
 * security context constraints, user ID ranges; and their controllers: a router that admits Routes, and the service CA. Not included:
 * Projects and users (aggregated APIs), builds, login.
 *
 * ```ts
 * await using cluster = await startCluster()
 * await using openshift = await installOpenshift(cluster)
 * ```
 */
export async function installOpenshift(
  cluster: Cluster,
  { appsDomain = 'apps.test.invalid', watches }: OpenshiftOptions = {},
): Promise<Openshift> {
  const { client } = cluster.admin
  for (const crd of openshiftCrds) await client.apply(crd as KubeObject, 'openshift')
  await established(client)
  for (const object of clusterObjects(appsDomain)) {
    await client.apply(object, 'openshift')
    if (object['status']) await client.apply(object, 'openshift', 'status')
  }
  const pki = join(cluster.dir, 'service-ca')
  mkdirSync(pki, { recursive: true })
  const authority = await makeAuthority(pki, 'openshift-service-serving-signer')
  const router = startRouter({ client, appsDomain, ...(watches ? { watches } : {}) })
  const loops = [router, startServiceCa(client, authority), startNamespaceRanges(client)]
  return {
    appsDomain,
    serviceCa: authority.cert,
    lookAgain: () => router.lookAgain(),
    async [Symbol.asyncDispose]() {
      await Promise.all(loops.map(async (loop) => await loop[Symbol.asyncDispose]()))
    },
  }
}

async function established(client: KubeClient): Promise<void> {
  const serves = async ({ spec }: (typeof openshiftCrds)[number]): Promise<boolean> => {
    const { group, names, versions } = spec
    try {
      await client.list(`${group}/${versions[0]?.name}`, names.kind)
      return true
    } catch {
      return false
    }
  }
  await until(
    async () => (await Promise.all(openshiftCrds.map(serves))).every((isServed) => isServed),
    { timeout_ms: 30_000, what: "OpenShift's kinds to be served" },
  )
}
