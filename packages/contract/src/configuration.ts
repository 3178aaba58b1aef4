import { z } from 'zod'
import { isLoopback } from './listen-address.ts'
import { PrivateUrls } from './private-urls.ts'
import { TrustedProxies } from './trusted-proxies.ts'
import { withoutSlashes } from './without-slashes.ts'

const Url = z.url().transform((url) => withoutSlashes(url))
const Secret = z.string().min(16)

/** An OpenID Connect provider where users log in. */
const Oidc = z.strictObject({
  /** As the provider itself writes it: what `/.well-known/openid-configuration` is found below. */
  issuer: z.url({ protocol: /^https?$/ }),
  client_id: z.string().min(1),
  client_secret: z.string().min(1),
  scopes: z.array(z.string().min(1)).default(['openid', 'profile', 'email']),
  /** The claim that becomes the name of a new user. */
  username_claim: z.string().min(1).default('preferred_username'),
  /** The claim that lists the groups of a user at the provider. */
  groups_claim: z.string().min(1).default('groups'),
  /** Members of this group at the provider, and of those who log in there only they, administer the site. */
  admin_group: z.string().min(1).optional(),
  /** Text that follows "Log in with" on the button of the login page. */
  label: z.string().min(1).default('OpenID Connect'),
  /** When false, only site administrators can log in with a password. */
  allow_local_login: z.boolean().default(true),
})
export type OidcConfig = z.infer<typeof Oidc>

/** The OAuth server of the OpenShift that the site runs in, where a service account is this site's name. */
const OpenshiftLogin = z.strictObject({
  /** URL of the API server, which reports the address of the OAuth server and identifies the user who logged in. */
  api_url: Url.default('https://kubernetes.default.svc'),
  /** `system:serviceaccount:NAMESPACE:NAME` */
  client_id: z.string().regex(/^system:serviceaccount:[^:]+:[^:]+$/, {
    error: 'write system:serviceaccount:NAMESPACE:NAME',
  }),
  /** Holds a token of that account; read again for each login. */
  client_secret_file: z.string().min(1),
  /** Members of this group of the cluster, and of those who log in there only they, administer the site. */
  admin_group: z.string().min(1).optional(),
  /** Text that follows "Log in with" on the button of the login page. */
  label: z.string().min(1).default('OpenShift'),
  /** When false, only site administrators can log in with a password. */
  allow_local_login: z.boolean().default(true),
})
export type OpenshiftLoginConfig = z.infer<typeof OpenshiftLogin>

const TlsFiles = z.strictObject({
  /** PEM files; read again when they change, as the service CA and cert-manager renew them. */
  certificate_file: z.string(),
  key_file: z.string(),
})

/** Rights of a caller of keygen: `make` creates keys, `sign` signs, `administer` rotates keys and reads the signature log. */
export const KeygenRight = z.enum(['make', 'sign', 'administer'])
export type KeygenRight = z.infer<typeof KeygenRight>

/** Callers of keygen that prove themselves with a service account's token. */
export const KeygenServiceAccounts = z.strictObject({
  /** The tokens' audience. Tokens for the API server have another one, and are refused. */
  audience: z.string().min(1).default('copr-keygen'),
  namespace: z.string().min(1),
  /** Account → its rights. */
  accounts: z.record(z.string(), z.array(KeygenRight)).default({
    'copr-frontend': ['make'],
    'copr-backend': ['make', 'sign'],
    'copr-admin': ['make', 'administer'],
  }),
  /** `jwks` checks tokens with the cluster's keys; `review` asks the API server about each; `auto` asks it where that is allowed. */
  check: z.enum(['auto', 'jwks', 'review']).default('auto'),
  api_url: Url.default('https://kubernetes.default.svc'),
  api_ca_file: z.string().default('/var/run/secrets/kubernetes.io/serviceaccount/ca.crt'),
  api_token_file: z.string().default('/var/run/secrets/kubernetes.io/serviceaccount/token'),
})
export type KeygenServiceAccounts = z.infer<typeof KeygenServiceAccounts>

/** The key that seals the keys with which private keys are sealed: from one of these places. */
export const MasterKey = z.strictObject({
  /** A file of 32 random bytes, raw or in base64: a Kubernetes Secret, for instance. */
  file: z.string().optional(),
  /** An RSA key in a PKCS #11 token, which never leaves it. Needs `pkcs11-tool` of OpenSC. */
  pkcs11: z
    .strictObject({
      /** The token's library. */
      module: z.string(),
      token_label: z.string(),
      /** The key's id, in hexadecimal. */
      key_id: z.string().regex(/^([0-9a-f]{2})+$/i),
      /** Holds the PIN. */
      pin_file: z.string(),
      /** Hash of RSA-OAEP. SoftHSM supports only sha1, which is safe for this use. */
      hash: z.enum(['sha1', 'sha256']).default('sha256'),
    })
    .optional(),
  /** Programs that encrypt and decrypt standard input to standard output: a client of a KMS or of a vault. */
  command: z
    .strictObject({
      encrypt: z.array(z.string()).nonempty(),
      decrypt: z.array(z.string()).nonempty(),
    })
    .optional(),
})
export type MasterKey = z.infer<typeof MasterKey>

const BucketName = z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/)

/** A bucket of AWS or of any server that speaks S3. */
const S3 = z
  .strictObject({
    /** The server; without it, that of AWS in the region. */
    endpoint: Url.optional(),
    region: z.string().min(1).default('us-east-1'),
    /** It must be there already, and be nobody else's. */
    bucket: BucketName.optional(),
    /** Instead of endpoint, bucket and keys: a folder with what an ObjectBucketClaim gives, a file for each value. */
    claim_dir: z.string().optional(),
    /** Prefix of all object keys in the bucket; one that ends with a slash is a folder. */
    prefix: z.string().default(''),
    /** Without keys, the role of the pod or machine is taken. */
    access_key_id: z.string().min(1).optional(),
    secret_access_key: z.string().min(1).optional(),
    /** Is the bucket's name in the path instead of in the host name? Default: with an endpoint, yes. */
    path_style: z.boolean().optional(),
    /**
     * Where users and builders reach the server. Packages are then not sent through us: they are redirected to an address there that
     * works for an hour.
     */
    public_endpoint: Url.optional(),
    /** Disk space in bytes, below `data_dir`, for packages while they are verified, signed and indexed. */
    scratch_bytes: z
      .number()
      .int()
      .positive()
      .default(10 * 1024 ** 3),
  })
  .refine(({ bucket, claim_dir }) => (bucket === undefined) !== (claim_dir === undefined), {
    error: 'name either a bucket or a claim_dir',
  })
  .refine(
    ({ access_key_id, secret_access_key }) =>
      (access_key_id === undefined) === (secret_access_key === undefined),
    { error: 'access_key_id and secret_access_key belong together' },
  )
export type S3Config = z.infer<typeof S3>

/** A dist-git that others run, from which users build packages by name. */
const DistgitInstance = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/),
  /** With `{name}` for the package's, and `{namespace}`. */
  clone_url: z.string().includes('{name}'),
  /** Replaces `{namespace}` when the user names none; without a default the user must name one. */
  default_namespace: z.string().optional(),
  /** The instance with the highest is taken when the user names none. */
  priority: z.number().int().default(0),
})
export type DistgitInstance = z.infer<typeof DistgitInstance>

const FEDORA_DISTGIT = {
  name: 'fedora',
  clone_url: 'https://src.fedoraproject.org/{namespace}/{name}',
  default_namespace: 'rpms',
  priority: 100,
}
const CENTOS_DISTGIT = {
  name: 'centos-stream',
  clone_url: 'https://gitlab.com/redhat/centos-stream/{namespace}/{name}',
  default_namespace: 'rpms',
  priority: 0,
}

/** The one configuration file, read by every program: each takes what it needs. */
export const Configuration = z.strictObject({
  /** How users reach the system: pages, API, `/results`, `/git`, `/lookaside` and `/builder`. */
  public_url: Url,
  /** Where users and dnf find results if not below `public_url`: on a host of their own, which has no sessions. */
  results_url: Url.optional(),
  /** How builders and dist-git reach it; default: as users do. */
  internal_url: Url.optional(),
  listen: z.strictObject({
    host: z.string().default('0.0.0.0'),
    port: z.number().int().min(0).max(65535).default(5000),
    /** HTTPS instead of HTTP. */
    tls: TlsFiles.optional(),
    /** Where `/livez`, `/readyz` and `/metrics` are answered, by plain HTTP; nowhere without it. */
    probes_port: z.number().int().min(0).max(65535).optional(),
    /** Reverse proxies whose X-Forwarded-For is believed, by address or network; default: those of this machine. */
    trusted_proxies: TrustedProxies.optional(),
  }),
  /** Files with certificates (PEM) of authorities that programs trust besides the public ones. */
  trusted_ca_files: z.array(z.string()).default([]),
  /** Authorities of `public_url`'s certificate where the world does not know them: builder pods learn of them. */
  public_ca_file: z.string().optional(),
  /** Results, dist-git, uploads, caches. */
  data_dir: z.string(),
  /** Where packages, repositories, logs and uploads are, if not in `data_dir`. */
  results: z.strictObject({ s3: S3.optional() }).prefault({}),
  database_url: z.string(),
  /** Takes the place of a password in `database_url`, so that the two can be kept apart. */
  database_password: z.string().min(1).optional(),
  site_name: z.string().default('Copr'),
  /** The host part of the signing keys' e-mail addresses. */
  sign_domain: z.string().default('localhost'),
  keygen: z.strictObject({
    url: Url,
    /** Shared secret of callers without a service account. */
    secret: Secret.optional(),
    /** Where keygen listens, if not where `url` says. */
    listen: z
      .strictObject({ host: z.string(), port: z.number().int().min(0).max(65_535) })
      .optional(),
    /** With what keygen serves HTTPS. */
    tls: TlsFiles.optional(),
    /** Whom callers trust to certify keygen, instead of the usual authorities. */
    ca_file: z.string().optional(),
    /** The service account's token that callers show, instead of the secret; read again for each request. */
    token_file: z.string().optional(),
    service_accounts: KeygenServiceAccounts.optional(),
    master_key_file: z.string().optional(),
    /** Instead of `master_key_file`, for other places. */
    master_key: MasterKey.optional(),
    /** Former master keys: what they sealed is sealed anew at the next start, then they can go. */
    previous_master_keys: z.array(MasterKey).default([]),
    /** Signatures a minute, for one project and for all. */
    signatures_per_minute: z
      .strictObject({
        project: z.number().int().positive().default(3_000),
        all: z.number().int().positive().default(20_000),
      })
      .prefault({}),
    /** RSA keys made ahead, so that a new project need not wait for one. */
    pool_size: z.number().int().min(0).max(50).default(2),
  }),
  oidc: Oidc.optional(),
  /** Instead of `oidc`. */
  openshift_login: OpenshiftLogin.optional(),
  /** Do the `.repo` files that users download ask dnf to verify the signed metadata? */
  repo_gpgcheck: z.boolean().default(true),
  /** Where the sources of dist-git builds are cloned from. */
  distgit_instances: z.array(DistgitInstance).nonempty().default([FEDORA_DISTGIT, CENTOS_DISTGIT]),
  /** Builders that run on this machine. */
  local_builders: z.number().int().min(0).max(256).default(0),
  /** Pools of machines that are started and removed as they are needed (docs/pools.md). */
  pools_file: z.string().optional(),
  /** Marks all that this installation has in clouds: never the same for two, never changed while there is anything. */
  installation_id: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/)
    .optional(),
  /** May URLs of users lead to loopback and private addresses? Default: `allowsPrivateUrls()`. */
  allow_private_urls: PrivateUrls.optional(),
  limits: z
    .strictObject({
      max_upload_bytes: z
        .number()
        .int()
        .positive()
        .default(10 * 1024 ** 3),
      max_unpacked_bytes: z
        .number()
        .int()
        .positive()
        .default(40 * 1024 ** 3),
      default_timeout_seconds: z.number().int().positive().default(18_000),
      max_timeout_seconds: z.number().int().positive().default(108_000),
      max_log_bytes: z
        .number()
        .int()
        .positive()
        .default(1024 ** 3),
      max_result_bytes: z
        .number()
        .int()
        .positive()
        .default(40 * 1024 ** 3),
      /** The lease of a task expires after this many seconds without a heartbeat; the task is then requeued. */
      lease_seconds: z.number().positive().default(60),
      heartbeat_seconds: z.number().positive().default(2),
      /** Maximum attempts of a task whose machines are lost; after that its build fails. */
      max_attempts: z.number().int().positive().default(5),
      token_days: z.number().int().positive().default(180),
      /** Maximum number of an owner's tasks that run at a time; without it, only fair scheduling limits them. */
      max_builds_per_owner: z.number().int().positive().optional(),
      /** Maximum number of tasks of one project and submitter that run at a time. */
      max_builds_per_sandbox: z.number().int().positive().optional(),
      /** Architecture to how many of its tasks run at a time. */
      max_builds_per_arch: z.record(z.string(), z.number().int().positive()).optional(),
      max_builds_per_owner_and_arch: z.record(z.string(), z.number().int().positive()).optional(),
    })
    .prefault({}),
})
export type Configuration = z.infer<typeof Configuration>

/**
 * May URLs of users lead to loopback and private addresses? Unless it is configured, only for the users of the
 * machine itself: a public URL elsewhere means that a reverse proxy lets others in, who must not reach its network.
 */
export function allowsPrivateUrls({
  allow_private_urls,
  listen,
  public_url,
}: Pick<Configuration, 'allow_private_urls' | 'listen' | 'public_url'>): PrivateUrls {
  return allow_private_urls ?? (isLoopback(listen.host) && isLoopback(new URL(public_url).hostname))
}
