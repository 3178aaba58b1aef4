import type { KubeObject } from '../objects/kube-object.ts'
import { meta, type RenderContext } from './render-context.ts'

/** The account that is this site's name at OpenShift's OAuth server. No pod runs as it, and it has no rights. */
const ACCOUNT = 'login'
/** Has its token, which OpenShift writes into it: that is what the site proves itself with. */
export const LOGIN_TOKEN = 'login-token'
const ANNOTATION = 'serviceaccounts.openshift.io/oauth-redirect'
const CALLBACK = '/oidc_auth/'

/** Where users log in besides with passwords. */
export function loginMode({ vars, facts }: Pick<RenderContext, 'vars' | 'facts'>) {
  const { mode, oidc } = vars.login
  if (mode !== 'auto') return mode
  if (oidc) return 'oidc'
  return facts.oauth ? 'openshift' : 'local'
}

export const clientId = ({ namespace }: Pick<RenderContext, 'namespace'>): string =>
  `system:serviceaccount:${namespace}:${ACCOUNT}`

/**
 * A service account is a client of the OAuth server, which needs no right in the cluster. Its secret must be a token that is
 * kept in a Secret: the server compares with these, and knows nothing of those that kubelets hand to pods.
 */
export function loginClient(context: RenderContext): KubeObject[] {
  if (loginMode(context) !== 'openshift') return []
  const reference = {
    kind: 'OAuthRedirectReference',
    apiVersion: 'v1',
    reference: { group: 'route.openshift.io', kind: 'Route', name: 'copr' },
  }
  // With a Route, the host is the Route's; the address adds only the path.
  const isRoute = context.facts.exposure === 'route'
  const annotations = {
    ...(isRoute ? { [`${ANNOTATION}reference.copr`]: JSON.stringify(reference) } : {}),
    [`${ANNOTATION}uri.copr`]: isRoute ? CALLBACK : `https://${context.facts.host}${CALLBACK}`,
  }
  return [
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: meta(context, ACCOUNT, { component: 'frontend', annotations }),
      automountServiceAccountToken: false,
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: meta(context, LOGIN_TOKEN, {
        component: 'frontend',
        annotations: { 'kubernetes.io/service-account.name': ACCOUNT },
      }),
      type: 'kubernetes.io/service-account-token',
    },
  ]
}
