import type { Vars } from '@copr/contract/deployment/vars'
import { CoprError } from '@copr/process/errors'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { accounts } from './accounts.ts'
import { builders } from './builders.ts'
import { operatorDatabase } from './database.ts'
import { exposure } from './exposure.ts'
import type { Facts } from './facts.ts'
import { loginClient } from './login.ts'
import { monitoring } from './monitoring.ts'
import { networkPolicies } from './network-policies.ts'
import { PROFILES } from './profiles.ts'
import { type Program, programConfig } from './program-config.ts'
import {
  hasPools,
  labelsOf,
  meta,
  COMPONENTS,
  type Component,
  type RenderContext,
} from './render-context.ts'
import { eventsSecrets } from './events.ts'
import { faultOfS3, isInS3, secretOfS3 } from './results-in-s3.ts'
import { services } from './services.ts'
import { volumes } from './volumes.ts'
import { drainMachines, workloads } from './workloads.ts'

/**
 * Renders all objects of a deployment, in the order in which they are applied. The same vars and facts always yield the same objects. None
 * of them contains a secret.
 */
export function render(vars: Vars, facts: Facts): KubeObject[] {
  refuseImpossible(vars, facts)
  const context = renderContextOf(vars, facts)
  return [
    ...priorityClass(context),
    ...accounts(context),
    ...loginClient(context),
    ...configMaps(context),
    ...networkPolicies(context),
    ...builders(context),
    ...volumes(context),
    ...services(context),
    ...operatorDatabase(context),
    ...workloads(context),
    ...exposure(context),
    ...monitoring(context),
  ]
}

/** Returns the Job that completes when no cloud machine is left. undeploy() waits for it. */
export function drainJob(vars: Vars, facts: Facts): KubeObject {
  return drainMachines(renderContextOf(vars, facts))
}

function renderContextOf(vars: Vars, facts: Facts): RenderContext {
  return {
    vars,
    facts,
    profile: PROFILES[vars.profile],
    namespace: vars.name,
    is_shared: isInS3(vars) || vars.storage.results.access === 'ReadWriteMany',
  }
}

/** Throws for settings that this version does not support or that contradict each other. */
function refuseImpossible(
  { database, login, monitoring, storage, builders: { aws } }: Vars,
  facts: Pick<Facts, 'oauth' | 'monitoring'>,
): void {
  const refuse = (why: string): never => {
    throw new CoprError('invalid', `Cannot deploy: ${why}`)
  }
  const fault = faultOfS3(storage.results)
  if (fault !== undefined) refuse(fault)
  if (database.mode === 'external' && !database.external)
    refuse('database.mode is external, but database.external does not specify the server')
  if (database.mode !== 'external' && database.external)
    refuse('database.external is set, but database.mode is not external')
  if (login.mode === 'oidc' && !login.oidc)
    refuse('login.mode is oidc, but login.oidc does not specify the provider')
  if (login.oidc && (login.mode === 'openshift' || login.mode === 'local'))
    refuse(`login.oidc is set, but login.mode is ${login.mode}; remove one of them`)
  if (login.mode === 'openshift' && !facts.oauth)
    refuse(
      'login.mode is openshift, but this cluster has no OAuth server of its own (its API has no /.well-known/oauth-authorization-server); name the provider where its users log in as login.oidc, or set login.mode to local',
    )
  if (monitoring.enabled === true && !facts.monitoring)
    refuse(
      'monitoring.enabled is true, but the cluster has no ServiceMonitor and PrometheusRule, or you may not make them; ask its administrator, or set it to auto',
    )
  if (aws.role_arn && aws.secret)
    refuse('builders.aws has both role_arn and secret; remove one of them')
}

function priorityClass(context: RenderContext): KubeObject[] {
  if (!context.facts.priority_classes) return []
  return [
    {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: 'copr-control', labels: labelsOf(context, 'copr') },
      value: 1000,
      description: 'The components of Copr; builders have less.',
    },
  ]
}

function configMaps(context: RenderContext): KubeObject[] {
  const { facts, vars } = context
  const programs: Program[] = [
    ...(Object.keys(COMPONENTS) as Component[]).filter(
      (component) => component !== 'resalloc' || hasPools(context),
    ),
    ...(vars.database.mode === 'embedded' ? (['postgresql'] as const) : []),
    'prepare',
  ]
  const data = programs.map((program) => [`${program}.yaml`, programConfig(context, program)])
  const configMap = (
    name: string,
    more: object,
    annotations?: Record<string, string>,
  ): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: meta(context, name, { component: 'copr', ...(annotations ? { annotations } : {}) }),
    ...more,
  })
  return [
    configMap('programs', { data: Object.fromEntries(data) as Record<string, string> }),
    ...(facts.service_ca
      ? // OpenShift injects its service CA into this ConfigMap.
        [configMap('service-ca', {}, { 'service.beta.openshift.io/inject-cabundle': 'true' })]
      : []),
    ...(facts.ingress_ca === undefined
      ? []
      : [configMap('ingress-ca', { data: { 'ca.crt': facts.ingress_ca } })]),
  ]
}

/** Lists the Secrets that programs read. When one of them changes, pods that read it are restarted. */
export function secretNames(vars: Vars): string[] {
  const {
    database,
    login,
    builders: { aws },
  } = vars
  const bucket = secretOfS3(vars)
  const operators = { cloudnativepg: 'postgresql-app', crunchy: 'postgresql-pguser-copr' }
  const { mode, external } = database
  return [
    'keygen-master-key',
    aws.secret ?? 'cloud-aws',
    mode === 'embedded'
      ? 'database'
      : mode === 'external'
        ? (external?.password.secret ?? '')
        : operators[mode],
    ...(login.oidc ? [login.oidc.client_secret.secret] : []),
    ...(bucket === undefined ? [] : [bucket]),
    ...eventsSecrets(vars),
  ]
}
