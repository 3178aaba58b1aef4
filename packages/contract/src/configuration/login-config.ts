import { z } from 'zod'
import { Url } from './values.ts'

const adminGroup = z.string().min(1).optional()
const allowLocalLogin = z
  .boolean()
  .default(true)
  .describe('whether users log in with a password, too; site administrators always can')

/** An OpenID Connect provider through which users log in. */
export const Oidc = z.strictObject({
  issuer: z
    .url({ protocol: /^https?$/ })
    .describe(
      'URL of the provider, as its `/.well-known/openid-configuration` states it under `issuer`',
    ),
  client_id: z.string().min(1).describe('client ID of this site at the provider'),
  client_secret: z.string().min(1).describe('client secret of this site at the provider'),
  scopes: z
    .array(z.string().min(1))
    .default(['openid', 'profile', 'email'])
    .describe('requested scopes; some providers need one more for groups'),
  username_claim: z
    .string()
    .min(1)
    .default('preferred_username')
    .describe('claim that becomes the name of a new user'),
  groups_claim: z
    .string()
    .min(1)
    .default('groups')
    .describe('claim that lists the groups of a user at the provider'),
  admin_group: adminGroup.describe(
    'group of the provider whose members administer the site; other users of the provider do not',
  ),
  label: z
    .string()
    .min(1)
    .default('OpenID Connect')
    .describe('text after "Log in with" on the button of the login page'),
  allow_local_login: allowLocalLogin,
})

/** The OAuth server of the OpenShift cluster in which the site runs; a service account is the OAuth client. */
export const OpenshiftLogin = z.strictObject({
  api_url: Url.prefault('https://kubernetes.default.svc').describe(
    'URL of the API server, which reports the address of the OAuth server and identifies the user who logged in',
  ),
  client_id: z
    .string()
    .regex(/^system:serviceaccount:[^:]+:[^:]+$/, {
      error: 'write system:serviceaccount:NAMESPACE:NAME',
    })
    .describe(
      '`system:serviceaccount:NAMESPACE:NAME`, the service account that is the OAuth client',
    ),
  client_secret_file: z
    .string()
    .min(1)
    .describe('file with a token of that account; read again for each login'),
  admin_group: adminGroup.describe(
    'group of the cluster whose members administer the site; other users of the cluster do not',
  ),
  label: z
    .string()
    .min(1)
    .default('OpenShift')
    .describe('text after "Log in with" on the button of the login page'),
  allow_local_login: allowLocalLogin,
})
