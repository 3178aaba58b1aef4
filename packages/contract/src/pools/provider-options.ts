import { z } from 'zod'
import { COMMON_OPTIONS } from './common-options.ts'

const Command = z.string().min(1)
const price = z.number().min(0)

/** A pool whose builders are processes on the manager's own host. */
const LocalPool = z.strictObject({ provider: z.literal('local'), ...COMMON_OPTIONS })

/** A pool run by scripts with resalloc's interface (docs/pools.md); plugins written for resalloc work unchanged. */
const CommandPool = z.strictObject({
  provider: z.literal('command'),
  ...COMMON_OPTIONS,
  cmd_new: Command,
  cmd_delete: Command,
  cmd_livecheck: Command.optional(),
  cmd_release: Command.optional(),
  cmd_list: Command.optional(),
  /** User for SSH connections to the host that `cmd_new` prints; the agent is installed over SSH. */
  ssh_user: z.string().default('root'),
  ssh_key_file: z.string().optional(),
  ssh_known_hosts_file: z.string().optional(),
  price_per_hour: price.default(0),
})

const InstanceType = z
  .union([
    z.string(),
    z.strictObject({
      type: z.string(),
      price_per_hour: price.optional(),
      spot_price_per_hour: price.optional(),
      memory_mb: z.number().int().positive().optional(),
    }),
  ])
  .transform((each) => (typeof each === 'string' ? { type: each } : each))

const AwsImage = z.union([
  z.strictObject({ id: z.string().regex(/^ami-/) }),
  z.strictObject({ owner: z.string(), name: z.string() }),
])

/** A pool of EC2 instances. Every combination of instance type, subnet and purchase option is an offering. */
const AwsPool = z
  .strictObject({
    provider: z.literal('aws'),
    ...COMMON_OPTIONS,
    region: z.string(),
    /** Endpoint of another service that implements the EC2 API. */
    endpoint_url: z.url().optional(),
    /** Role to assume; by default, the credentials of the environment are used directly. */
    role_arn: z.string().optional(),
    instance_types: z.array(InstanceType).nonempty(),
    subnets: z.array(z.string().regex(/^subnet-/)).nonempty(),
    /** Purchase options in order of preference. */
    purchase: z
      .array(z.enum(['spot', 'on_demand']))
      .nonempty()
      .default(['on_demand']),
    spot_max_price: price.optional(),
    image: AwsImage,
    /** Whether to use the newest image that `coprctl image bake` has made of `image` for this pool; until there is one, `image` is used. */
    baked: z.boolean().default(false),
    root_volume_gb: z.number().int().positive().default(60),
    /** Default: a security group that denies all inbound traffic, and that is created and removed with the pool. */
    security_groups: z.array(z.string().regex(/^sg-/)).nonempty().optional(),
    /** Networks from which administrators may log in over SSH for debugging. */
    ssh_from: z
      .array(z.union([z.cidrv4(), z.cidrv6()]))
      .nonempty()
      .optional(),
    /** Public key for logins from the networks in `ssh_from`; it is registered as a key pair, which is removed with the pool. */
    ssh_public_key: z
      .string()
      .regex(/^ssh-(ed25519|rsa) /)
      .optional(),
    public_ip: z.boolean().default(true),
    /** Additional tags; keys that begin with `copr-` are reserved for this system, those with `aws:` for AWS. */
    extra_tags: z
      .record(z.string().regex(/^(?!aws:|copr-|Name$).{1,128}$/), z.string().max(256))
      .default({}),
  })
  .refine((pool) => (pool.ssh_from === undefined) === (pool.ssh_public_key === undefined), {
    path: ['ssh_from'],
    message: 'ssh_from and ssh_public_key must be set together',
  })
  .refine((pool) => !(pool.ssh_from && pool.security_groups), {
    path: ['ssh_from'],
    message: 'cannot be combined with security_groups: allow SSH in one of those groups',
  })

const Quantity = z.union([z.string(), z.number()]).transform(String)

/** A pool of builder pods in their own namespace. */
const KubernetesPool = z.strictObject({
  provider: z.literal('kubernetes'),
  ...COMMON_OPTIONS,
  /** Kubeconfig file of the cluster to use; default: the cluster in which the manager runs. */
  kubeconfig: z.string().optional(),
  namespace: z.string(),
  image: z.string(),
  image_pull_secret: z.string().optional(),
  cpu: Quantity.default('2'),
  memory: Quantity.default('4Gi'),
  ephemeral_storage: Quantity.default('40Gi'),
  /** Storage class of the work volume, which is then an ephemeral volume; without a storage class, the work volume is an emptyDir. */
  storage_class: z.string().optional(),
  node_selector: z.record(z.string(), z.string()).default({}),
  tolerations: z.array(z.record(z.string(), z.unknown())).default([]),
  runtime_class: z.string().optional(),
  priority_class: z.string().optional(),
  /** Security context constraint on OpenShift; `nested-container` allows the buildroot its own namespaces. */
  required_scc: z.string().optional(),
  service_account: z.string().default('default'),
  host_users: z.boolean().default(false),
  privileged: z.boolean().default(false),
  extra_labels: z.record(z.string(), z.string()).default({}),
  price_per_hour: price.default(0),
})

export const PROVIDER_POOLS = [LocalPool, CommandPool, AwsPool, KubernetesPool] as const

const Provided = z.discriminatedUnion('provider', PROVIDER_POOLS)
export type PoolConfig = z.output<typeof Provided>
export type PoolConfigOf<Kind extends PoolConfig['provider']> = Extract<
  PoolConfig,
  { provider: Kind }
>

/** A pool that has commands but no `provider` is in resalloc's format. */
export const PoolConfig = z.preprocess(
  (value) =>
    typeof value === 'object' && value !== null && !('provider' in value) && 'cmd_new' in value
      ? { provider: 'command', ...value }
      : value,
  Provided,
)
