import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import type { Configuration } from '@copr/contract/configuration'
import type { PoolsFile } from '@copr/contract/pools/pools-file'
import type { PoolConfigOf } from '@copr/contract/pools/provider-options'
import { agentBundle } from '@copr/agent/bundle/agent-bundle'
import { CoprError, messageOf } from '@copr/process/errors'
import { readConfigFile } from '../configuration/read-config.ts'
import { stopSignal } from '../stop-signal.ts'
import { showProgress } from '../up/progress.ts'
import type { Io } from './administer.ts'
import { type PoolsOptions, poolsOf, withPools } from './pools-of.ts'
import { subcommands } from './subcommands.ts'

const LIMIT_MINUTES = 30

interface Options extends PoolsOptions {
  gateway?: string
  ca?: string
  keep?: number
  limit: number
  json?: boolean
}

/** `coprctl image` prepares the images that builders start from. */
export function imageCommand(io: Io): Command {
  const image = new Command('image')
    .summary('prepare images that builders start from')
    .description('Images that builders start from.')
  const bake = subcommands(image)(
    'bake <pool>',
    'make an image for a pool of AWS whose machines are ready in seconds',
  )
  withPools(bake, io)
    .option(
      '--gateway <url>',
      'URL of the gateway; default: internal_url, or else public_url, of the configuration',
    )
    .option(
      '--ca <file>',
      "PEM file with the CA of the gateway's certificate, if it is not publicly trusted",
    )
    .option(
      '--keep <n>',
      'number of baked images of the pool to keep; older ones are removed',
      atLeastOne,
    )
    .option('--limit <minutes>', 'how long the installation may take', atLeastOne, LIMIT_MINUTES)
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options) => await bakeFor(name, options, io))
  return image
}

async function bakeFor(name: string, options: Options, io: Io): Promise<void> {
  const { pools, all_pools, installation_id, config: read } = poolsOf(options, [name])
  const pool = awsPool(name, pools[name])
  const gateway = gatewayOf(options, read)
  const { sha256, nodes } = await agentBundle()
  const node_sha256 = Object.fromEntries(nodes.map((node) => [node.arch, node.sha256]))
  // Imported here, so that only this command uses the 90 MB of memory that the AWS SDK needs.
  const { bakeImage } = await import('@copr/resalloc/providers/aws-bake')
  const stop = stopSignal()
  const work = bakeImage(
    {
      pool,
      owner: { installation_id, pool: name },
      ...gateway,
      agent: { sha256, node_sha256 },
      nonce: randomUUID(),
      keep: options.keep,
      in_use: imagesOf(all_pools),
      limit_seconds: options.limit * 60,
      progress: showProgress(io.stderr),
      now: () => new Date(),
    },
    stop,
  )
  const baked = await work.catch((error: unknown) => {
    if (!stop.aborted) throw error
    throw new CoprError('unavailable', 'Cannot bake an image: interrupted', { cause: error })
  })
  if (options.json) {
    io.stdout.write(`${JSON.stringify(baked, null, 2)}\n`)
    return
  }
  io.stdout.write(`${baked.image_id}\n`)
  io.stderr.write(
    pool.baked
      ? `machines of ${name} start from it within ten minutes\n`
      : `in pools.yaml, for ${name}: set "baked: true" to use the newest image, or "image: { id: ${baked.image_id} }" to use this one\n`,
  )
}

function isAws(pool: { provider: string }): pool is PoolConfigOf<'aws'> {
  return pool.provider === 'aws'
}

function awsPool(name: string, pool: { provider: string } | undefined): PoolConfigOf<'aws'> {
  if (pool && isAws(pool)) return pool
  throw new CoprError(
    'invalid',
    `Cannot bake an image for ${name}: its provider is ${pool?.provider}, and only aws has images`,
  )
}

/** Returns the images that the AWS pools specify by ID. */
function imagesOf(pools: PoolsFile): string[] {
  const aws = Object.values(pools).filter(isAws)
  return aws.flatMap(({ image }) => ('id' in image ? [image.id] : []))
}

/** Returns the gateway's URL and its certificate authority; the options override the configuration. */
function gatewayOf(
  { gateway, config, ca }: Options,
  read: Configuration | undefined,
): { gateway_url: string; trusted_ca?: string } {
  const named = ca === undefined ? {} : { trusted_ca: readAuthority(ca) }
  if (gateway !== undefined && !read) return { gateway_url: gateway, ...named }
  const { internal_url, public_url, public_ca_file } = read ?? readConfigFile(config)
  return {
    gateway_url: gateway ?? internal_url ?? public_url,
    ...(public_ca_file ? { trusted_ca: readFileSync(public_ca_file, 'utf8') } : {}),
    ...named,
  }
}

function readAuthority(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new CoprError('invalid', `Cannot read the authority of the gateway: ${messageOf(error)}`)
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  throw new CoprError('invalid', `Cannot use ${path}: it contains no certificate in PEM`)
}

function atLeastOne(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1)
    throw new InvalidArgumentError('a whole number from 1')
  return number
}
