import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import type { ChainAnswer } from '@copr/contract/api/chains'
import { CoprError, messageOf } from '@copr/process/errors'
import type { Io } from '../commands/administer.ts'
import { apiClient, type ApiClient } from './api-client.ts'
import { chainProgress, summaryOf } from './chain-progress.ts'
import { type ClientConfig, defaultConfigPath, readClientConfig } from './client-config.ts'
import { collectSources, type Sources } from './collect-sources.ts'

interface Options {
  config: string
  chroot: string[]
  timeout?: string
  wait: boolean
  json?: boolean
}

const POLL_MS = 1000
/**
 * Failed polls in a row after which the command gives up. At one poll per second, this is about five minutes: enough for an upgrade of the
 * site.
 */
const MAX_FAILURES = 300

/**
 * `coprctl submit --chain` builds source packages in the order of their requirements. It uses the API with a user's token, not the
 * database.
 */
export function submitCommand(io: Io): Command {
  return new Command('submit')
    .summary('build source packages in the order of their requirements')
    .description(
      'Builds source packages that require one another, in the order that the system finds out. ITEMS are .src.rpm files, folders with them, or URLs; the last one is the project, as PROJECT or OWNER/PROJECT.',
    )
    .argument('<items...>', 'source packages, and the project')
    .requiredOption('--chain', 'build them as one chain')
    .option('--config <file>', 'the configuration of copr-cli', defaultConfigPath(io.env))
    .option(
      '-r, --chroot <name>',
      'build only in this chroot; may be repeated',
      (name: string, all: string[]) => [...all, name],
      [],
    )
    .option('--timeout <seconds>', 'timeout of each build')
    .option('--no-wait', 'do not wait until the chain has ended')
    .option('--json', 'print the state of the chain as JSON')
    .action(async (items: string[], options: Options) => await submitChain(items, options, io))
}

async function submitChain(items: string[], options: Options, io: Io): Promise<void> {
  const say = (line: string): void => void io.stderr.write(`${line}\n`)
  const config = readClientConfig(options.config)
  const project = projectOf(items.at(-1) ?? '', config)
  const sources = await collectSources(items.slice(0, -1))
  const api = apiClient(config)
  const target = `${project.ownername}/${project.projectname}`
  const chain = await api.call('POST', 'chain/create', project)
  say(`Chain ${chain.id}: ${config.copr_url}/coprs/${webPath(project)}/chain/${chain.id}/`)
  await fill(api, { chain, sources, form: { ...project, ...formOf(options) }, say })
  say(`Started the chain with ${sources.files.length + sources.urls.length} builds in ${target}`)
  const last = options.wait
    ? await follow(api, chain.id, say)
    : await api.call('GET', `chain/${chain.id}`)
  if (options.json) io.stdout.write(`${JSON.stringify(last, null, 2)}\n`)
  else io.stdout.write(`${summaryOf(last)}\n`)
  if (options.wait && last.state !== 'succeeded')
    throw new CoprError('conflict', `chain ${chain.id} has not succeeded`)
}

/** Adds the builds to an open chain and starts it. If that fails, it cancels the chain, so that none of its builds runs. */
async function fill(
  api: ApiClient,
  {
    chain,
    sources,
    form,
    say,
  }: { chain: ChainAnswer; sources: Sources; form: object; say: (line: string) => void },
): Promise<void> {
  try {
    for (const [i, { path, name }] of sources.files.entries()) {
      await api.upload(path, { ...form, chain_id: chain.id })
      say(`Uploaded ${name} (${i + 1} of ${sources.files.length})`)
    }
    if (sources.urls.length > 0)
      await api.send('POST', 'build/create/url', {
        ...form,
        pkgs: sources.urls,
        chain_id: chain.id,
      })
    await api.call('PUT', `chain/start/${chain.id}`)
  } catch (error) {
    await api.call('PUT', `chain/cancel/${chain.id}`).catch(() => undefined)
    throw error
  }
}

/** Reports changes of a chain until it has ended; returns its final state. */
async function follow(
  api: ApiClient,
  id: number,
  say: (line: string) => void,
): Promise<ChainAnswer> {
  const progress = chainProgress()
  for (let failures = 0; ;) {
    try {
      const chain = await api.call('GET', `chain/${id}`)
      failures = 0
      for (const line of progress(chain)) say(line)
      if (chain.ended_on !== null) return chain
    } catch (error) {
      if (++failures === MAX_FAILURES) throw error
      if (failures === 1) say(`Cannot read the state of the chain, retrying: ${messageOf(error)}`)
    }
    await sleep(POLL_MS)
  }
}

function projectOf(
  text: string,
  { username }: ClientConfig,
): { ownername: string; projectname: string } {
  const [, ownername, projectname] = /^(?:(@?[^/\s]+)\/)?([^/\s]+)$/.exec(text) ?? []
  const owner = ownername ?? username
  if (projectname === undefined || owner === undefined || text.endsWith('.src.rpm'))
    throw new CoprError(
      'invalid',
      `the last argument must be the project, as OWNER/PROJECT, not "${text}"`,
    )
  return { ownername: owner, projectname }
}

function webPath({ ownername, projectname }: { ownername: string; projectname: string }): string {
  return `${ownername.replace(/^@/, 'g/')}/${projectname}`
}

function formOf({ chroot, timeout }: Options): object {
  return {
    ...(chroot.length > 0 && { chroots: chroot }),
    ...(timeout !== undefined && { timeout }),
  }
}
