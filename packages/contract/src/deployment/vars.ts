import { z } from 'zod'
import { TrustedProxies } from '../trusted-proxies.ts'
import { Configuration } from '../configuration.ts'
import { Amqp, Mail } from '../configuration/events-config.ts'
import { Quantity } from './quantity.ts'

/** Name of a Kubernetes object. */
const DnsLabel = z
  .string()
  .regex(/^[a-z]([-a-z0-9]*[a-z0-9])?$/, 'must have lower-case letters, digits and hyphens only')
  .max(50)
const ObjectName = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must name an existing object')
const Host = z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$/, {
  error: 'must be a host name, without https:// and without a path',
})

/** Reference to a value in a Secret of the namespace. The administrator creates the Secret; the value itself is never in this file. */
const SecretRef = z.strictObject({
  secret: ObjectName.describe('name of the Secret'),
  key: z.string().min(1).describe('key in the Secret'),
})
type SecretRef = z.infer<typeof SecretRef>

const Expose = z.strictObject({
  host: Host.optional().describe(
    'public host name; default on OpenShift: a name under its apps domain',
  ),
  results_host: Host.optional().describe(
    'separate host name for the results, so that files made by users are not same-site with logins',
  ),
  with: z
    .enum(['auto', 'route', 'gateway', 'ingress'])
    .default('auto')
    .describe(
      'how requests reach the site; auto uses Routes if available, otherwise the Gateway API, otherwise Ingress',
    ),
  certificate: z
    .string()
    .regex(/^(cluster|secret:[-a-z0-9.]+|issuer:[-a-z0-9.]+|cluster-issuer:[-a-z0-9.]+)$/, {
      error: 'must be cluster, secret:NAME, issuer:NAME or cluster-issuer:NAME',
    })
    .default('cluster')
    .describe(
      'the public certificate: the default of the cluster, a TLS Secret, or one that cert-manager issues',
    ),
  gateway: z
    .strictObject({
      name: ObjectName.describe('name of the Gateway'),
      namespace: ObjectName.describe('its namespace'),
    })
    .optional()
    .describe('the Gateway to attach to; needed when the cluster has more than one'),
  ingress_class: ObjectName.optional().describe(
    'class of the Ingress; default: that of the cluster',
  ),
  trusted_proxies: TrustedProxies.optional().describe(
    'addresses and networks of the router or ingress controller, whose X-Forwarded-For is trusted; default: all private networks',
  ),
})

const Login = z.strictObject({
  mode: z
    .enum(['auto', 'openshift', 'oidc', 'local'])
    .default('auto')
    .describe(
      'auto uses the OpenID Connect provider if one is set, otherwise the OAuth server of OpenShift if there is one, otherwise passwords',
    ),
  admin_group: z
    .string()
    .min(1)
    .optional()
    .describe('members of this group, at the provider or in OpenShift, administer the site'),
  oidc: z
    .strictObject({
      issuer: z
        .url({ protocol: /^https$/ })
        .describe('issuer URL of the provider, exactly as in its discovery document'),
      client_id: z.string().min(1).describe('client ID of this site at the provider'),
      client_secret: SecretRef.describe('the Secret with the client secret'),
      label: z.string().min(1).optional().describe('text after "Log in with" on the login button'),
      username_claim: z
        .string()
        .min(1)
        .optional()
        .describe('claim that becomes the name of a new user'),
      groups_claim: z.string().min(1).optional().describe('claim that lists the groups of a user'),
    })
    .optional()
    .describe('an OpenID Connect provider'),
})

const Database = z.strictObject({
  mode: z
    .enum(['embedded', 'cloudnativepg', 'crunchy', 'external'])
    .default('embedded')
    .describe(
      'embedded: a single PostgreSQL pod; cloudnativepg, crunchy: a cluster managed by that operator; external: your own server',
    ),
  size: Quantity.optional().describe('size of its volume; default: from the profile'),
  instances: z
    .number()
    .int()
    .min(1)
    .max(9)
    .optional()
    .describe('number of instances with an operator; default: from the profile'),
  external: z
    .strictObject({
      host: z.string().min(1).describe('host of the server'),
      port: z.number().int().min(1).max(65535).default(5432).describe('port of the server'),
      name: z.string().min(1).default('copr').describe('name of the database'),
      user: z.string().min(1).default('copr').describe('role that owns the database'),
      password: SecretRef.describe('the Secret with its password'),
      ca: SecretRef.optional().describe('the Secret with the CA of its certificate'),
    })
    .optional()
    .describe('connection to the external server'),
})

const ROLE_ARN = z
  .string()
  .regex(/^arn:aws[-a-z]*:iam::\d{12}:role\/.+$/, 'must be arn:aws:iam::ACCOUNT:role/NAME')

const ResultsInS3 = z.strictObject({
  bucket: z.string().min(3).optional().describe('an existing bucket'),
  bucket_claim: z
    .strictObject({
      storage_class: ObjectName.describe(
        'storage class of the claim: openshift-storage.noobaa.io, ocs-storagecluster-ceph-rgw …',
      ),
      namespace: DnsLabel.default('openshift-storage').describe(
        'namespace in which the servers of this class run',
      ),
    })
    .optional()
    .describe('instead of bucket: one that the cluster creates for an ObjectBucketClaim'),
  endpoint: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('URL of the server; default: AWS in the region, or the server of the claim'),
  region: z.string().min(1).optional().describe('region of the bucket'),
  prefix: z.string().optional().describe('prefix of all object keys'),
  secret: ObjectName.optional().describe(
    'existing Secret with the keys access_key_id and secret_access_key',
  ),
  role_arn: ROLE_ARN.optional().describe(
    'instead of keys: IAM role that frontend and backend assume with a service-account token',
  ),
  ca: SecretRef.optional().describe("the Secret with the CA of the server's certificate"),
  public_endpoint: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('URL at which users and builders reach the server; packages are redirected there'),
  scratch: Quantity.default('20Gi').describe(
    'scratch disk of each backend for packages that it signs and indexes; more than twice the largest package',
  ),
})

const Storage = z.strictObject({
  class: ObjectName.optional().describe('storage class; default: that of the cluster'),
  results: z
    .strictObject({
      kind: z.enum(['volume', 's3']).default('volume').describe('where results are stored'),
      s3: ResultsInS3.optional().describe('the bucket, for the kind s3'),
      size: Quantity.optional().describe('size of the volume; default: from the profile'),
      class: ObjectName.optional().describe('storage class of this volume'),
      access: z
        .enum(['auto', 'ReadWriteOnce', 'ReadWriteMany'])
        .default('auto')
        .describe(
          'ReadWriteMany allows several replicas of frontend and backend; with ReadWriteOnce they share one pod. auto: ReadWriteOnce',
        ),
    })
    .prefault({})
    .describe('packages, repositories, logs and uploads'),
  distgit: z
    .strictObject({
      size: Quantity.optional().describe('size of the volume; default: from the profile'),
      class: ObjectName.optional().describe('storage class of this volume'),
    })
    .prefault({})
    .describe('git repositories and sources'),
})

const Builders = z.strictObject({
  pools: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('the pools, as in pools.yaml (docs/pools.md): each by its name'),
  aws: z
    .strictObject({
      role_arn: ROLE_ARN.optional().describe(
        'IAM role that resalloc assumes with a service-account token, so that no key is stored',
      ),
      secret: ObjectName.optional().describe(
        'existing Secret with the keys access_key_id and secret_access_key',
      ),
    })
    .prefault({})
    .describe('AWS credentials of resalloc; the keys themselves belong in secret-vars.yml'),
  pods: z
    .strictObject({
      enabled: z.boolean().default(false).describe('whether builders may run as pods'),
      max: z.number().int().min(1).max(1000).default(2).describe('maximum number of builder pods'),
      cpu: Quantity.default('1').describe('cores of one builder pod'),
      memory: Quantity.default('2Gi').describe('memory of one builder pod'),
      disk: Quantity.default('20Gi').describe('scratch space of one builder pod'),
    })
    .prefault({})
    .describe('builder pods, in a separate namespace'),
})

const Images = z.strictObject({
  registry: z
    .string()
    .regex(/^[-a-z0-9.:/]+$/)
    .optional()
    .describe('mirror of the images: replaces registry and folder'),
  server: z
    .string()
    .regex(/@sha256:[0-9a-f]{64}$/, 'must be an image with a digest: NAME@sha256:...')
    .optional()
    .describe('your own image for all components except the embedded database, by digest'),
  postgresql: z
    .string()
    .regex(/@sha256:[0-9a-f]{64}$/, 'must be an image with a digest: NAME@sha256:...')
    .optional()
    .describe('with images.server: your own image for the embedded database, by digest'),
  pull_secret: ObjectName.optional().describe('pull secret for the images'),
})

const { site_name, repo_gpgcheck, distgit_instances, sources, limits } = Configuration.shape
const limit = Object.entries(limits.unwrap().shape).map(([name, schema]) => [
  name,
  schema.unwrap().optional(),
])
/** Settings that are copied into the components' configuration; omitted ones keep the components' defaults. */
const Site = z.strictObject({
  site_name: site_name.unwrap().optional().describe('name of the site on its pages'),
  sign_domain: z
    .string()
    .optional()
    .describe("host part of the signing keys' email addresses; default: the host"),
  repo_gpgcheck: repo_gpgcheck
    .unwrap()
    .optional()
    .describe('whether dnf verifies the signed metadata'),
  distgit_instances: distgit_instances
    .unwrap()
    .optional()
    .describe('dist-gits from which users can build by package name'),
  sources: sources
    .unwrap()
    .optional()
    .describe('indexes of Python packages and gems from which users can build by name'),
  limits: z
    .strictObject(Object.fromEntries(limit) as Record<string, z.ZodOptional<z.ZodNumber>>)
    .optional()
    .describe('limits of uploads, builds and tokens, as in the configuration of the components'),
})

const Events = z.strictObject({
  amqp: z
    .strictObject({
      url: Amqp.shape.url.describe('broker, as amqps://USER@HOST:5671/VHOST'),
      exchange: Amqp.shape.exchange
        .unwrap()
        .optional()
        .describe('topic exchange; default: amq.topic'),
      topic_prefix: Amqp.shape.topic_prefix.describe(
        'beginning of all topics, such as org.fedoraproject.prod',
      ),
      password: SecretRef.optional().describe('the Secret with the password of the user in url'),
      client_certificate: ObjectName.optional().describe(
        'TLS Secret with the client certificate: keys tls.crt and tls.key',
      ),
      ca: SecretRef.optional().describe("the Secret with the CA of the broker's certificate"),
    })
    .optional()
    .describe('message broker to which build events are published, for Fedora Messaging'),
  mail: z
    .strictObject({
      url: Mail.shape.url.describe('mail server, as smtp://USER@HOST:587 or smtps://USER@HOST:465'),
      from: Mail.shape.from.describe('sender, such as Copr <copr@example.org>'),
      require_tls: Mail.shape.require_tls
        .unwrap()
        .optional()
        .describe('whether mail is sent only after STARTTLS; default: true'),
      password: SecretRef.optional().describe('the Secret with the password of the user in url'),
      ca: SecretRef.optional().describe("the Secret with the CA of the server's certificate"),
    })
    .optional()
    .describe('mail server for notices to users'),
})

/** Schema of `vars.yml`, the administrator's settings of a deployment. Every setting has a default. */
export const Vars = z.strictObject({
  name: DnsLabel.default('copr').describe(
    'namespace of the deployment; builder pods live in NAME-builders',
  ),
  profile: z
    .enum(['small', 'medium', 'large'])
    .default('small')
    .describe(
      'small: one node; medium: hundreds of projects; large: several replicas of everything',
    ),
  cluster: z
    .strictObject({
      api: z.url().optional().describe('deploy only into the cluster with this API URL'),
    })
    .prefault({})
    .describe('the cluster to deploy into'),
  expose: Expose.prefault({}).describe('how users and builders reach the site'),
  login: Login.prefault({}).describe('how users log in'),
  database: Database.prefault({}).describe('PostgreSQL'),
  storage: Storage.prefault({}).describe('volumes'),
  builders: Builders.prefault({}).describe('machines that build'),
  images: Images.prefault({}).describe('container images'),
  events: Events.prefault({}).describe('who learns of builds and requests'),
  site: Site.prefault({}).describe('settings of the site'),
  monitoring: z
    .strictObject({
      enabled: z
        .union([z.literal('auto'), z.boolean()])
        .default('auto')
        .describe(
          'whether metrics are collected and alerting rules created; auto: where the cluster has the Prometheus operator',
        ),
    })
    .prefault({})
    .describe('ServiceMonitor and PrometheusRule'),
  network_policies: z
    .boolean()
    .default(true)
    .describe('whether to deny all connections except those that the components need'),
})
export type Vars = z.infer<typeof Vars>

/** Schema of `secret-vars.yml`, the secrets that must not be in git. All other secrets are generated in the cluster. */
export const SecretVars = z.strictObject({
  aws: z
    .strictObject({
      access_key_id: z.string().min(1).describe('access key of an IAM user'),
      secret_access_key: z.string().min(1).describe('its secret'),
    })
    .optional()
    .describe('keys for AWS; better: builders.aws.role_arn or builders.aws.secret in vars.yml'),
})
export type SecretVars = z.infer<typeof SecretVars>
