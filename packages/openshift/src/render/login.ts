import type { KubeObject } from '@copr/kube-client/kube-object'
import { meta, type RenderContext } from './render-context.ts'

/** The service account that identifies this site to OpenShift's OAuth server. It has no rights, and no pod runs under it. */
const ACCOUNT = 'login'
/** The Secret into which OpenShift writes the account's token. The token is the site's client secret. */
export const LOGIN_TOKEN = 'login-token'
const ANNOTATION = 'serviceaccounts.openshift.io/oauth-redirect'
const CALLBACK = '/oidc_auth/'

/** Returns how users log in: through OpenID Connect, the cluster's OAuth server, or with local passwords only. */
export function loginMode({ vars, facts }: Pick<RenderContext, 'vars' | 'facts'>) {
  const { mode, oidc } = vars.login
  if (mode !== 'auto') return mode
  if (oidc) return 'oidc'
  return facts.oauth ? 'openshift' : 'local'
}

export const clientId = ({ namespace }: Pick<RenderContext, 'namespace'>): string =>
  `system:serviceaccount:${namespace}:${ACCOUNT}`

/**
 * Renders the OAuth client. It is a service account, which needs no rights in the cluster. The client secret must be a token that is stored
 * in a Secret: the OAuth server compares it with these tokens, and does not know those that kubelets give to pods.
 */
export function loginClient(context: RenderContext): KubeObject[] {
  if (loginMode(context) !== 'openshift') return []
  const reference = {
    kind: 'OAuthRedirectReference',
    apiVersion: 'v1',
    reference: { group: 'route.openshift.io', kind: 'Route', name: 'copr' },
  }
  // With a Route, the redirect URI takes its host from the Route; the annotation adds only the path.
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
