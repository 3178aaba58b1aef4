import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChrootConfig } from '@copr/contract/chroot-config'
import type { Configuration } from '@copr/contract/configuration'
import { importChroot } from '@copr/domain/chroots/chroot-queries'
import { migrate } from '@copr/domain/database/migrate'
import { type Db, openDb } from '@copr/domain/database/open'
import { livingMachines } from '@copr/domain/machines/machines'
import { findProject } from '@copr/domain/projects/project-queries'
import { messageOf } from '@copr/process/errors'
import { untilAborted } from '@copr/process/every'
import { makeFileLog, type Logger } from '@copr/process/log'
import { keepLocalPool } from '@copr/resalloc/local-pool'
import { DEFAULT_CONFIG } from '../config-option.ts'
import { logUnhandled } from '../log-unhandled.ts'
import { runComponent } from '@copr/server/components'
import { VERSION } from '@copr/process/version'
import {
  ADMINISTRATOR,
  type Administrator,
  type Credentials,
  prepareAdministrator,
} from './administrator.ts'
import { checkBeforeStart, explainFullDisk } from './before-start.ts'
import {
  type EmbeddedSystem,
  type Layout,
  layout,
  prepareDataDir,
  type UpOptions,
} from './data-dir.ts'
import { EXAMPLE_PROJECT, showExample } from './example.ts'
import { firstChroot } from './first-chroot.ts'
import { openTo, privateNetworkWarning } from './listen-urls.ts'
import type { Progress } from './progress.ts'
import { keepKeygen, keepPostgres, poolBuilders, startBuilder } from './supervise.ts'

export interface UpCommandOptions extends UpOptions {
  data_dir: string
  /** Whether the mini distribution also contains the packages that are too large for the first start. */
  more_packages: boolean
  example: boolean
  ready_file: string | undefined
}

interface Surroundings {
  progress: Progress
  stop: AbortSignal
}

/** Starts the whole system on this machine and runs it until `stop` aborts. */
export async function up(options: UpCommandOptions, surroundings: Surroundings): Promise<void> {
  const paths = layout(options.data_dir)
  try {
    await runSystem(options, paths, surroundings)
  } catch (error) {
    throw await explainFullDisk(error, paths)
  }
}

async function runSystem(
  options: UpCommandOptions,
  paths: Layout,
  { progress, stop }: Surroundings,
): Promise<void> {
  const began = performance.now()
  progress.say(`Copr ${VERSION}, data in ${paths.dir}`)
  await progress.step('this machine', () => checkBeforeStart(paths, options))
  using _lock = takeDataDir(paths)
  const system = await prepareDataDir(paths, options)
  const { config } = system
  for (const line of [...openTo(config.listen), ...privateNetworkWarning(config)])
    progress.say(`  ${line}`)
  const log = makeFileLog('up', join(paths.logs, 'copr.log'))
  logUnhandled(log)
  // Servers and builders stop first, the database stops last.
  const failed = new AbortController()
  const stopServers = AbortSignal.any([stop, failed.signal])
  const stopDatabase = new AbortController()
  const postgres = keepPostgres(system, { paths, stop: stopDatabase.signal, log })
  const running: Promise<void>[] = []
  const run = (work: Promise<void>): void => {
    running.push(work)
    work.catch((error: unknown) => failed.abort(error))
  }
  try {
    await progress.step('PostgreSQL', () => postgres.ready)
    await progress.step(
      'database',
      () => migrate(system.config.database_url, { refuse_newer: true }),
      ({ applied }) => (applied.length > 0 ? 'schema migrated' : 'unchanged'),
    )
    const db = openDb(system.config.database_url, {
      onError: ({ message }) => log.warn({ reason: message }, 'Lost a database connection'),
    })
    try {
      await start({ options, paths, system, db, progress, log, stop: stopServers, run, began })
      await untilAborted(stopServers)
    } finally {
      failed.abort(failed.signal.reason ?? new Error('stopping'))
      if (stop.aborted) progress.say('\nStopping …')
      await Promise.allSettled(running)
      await db.destroy()
    }
  } catch (error) {
    if (!stop.aborted) throw error
  } finally {
    stopDatabase.abort()
    await postgres.ended.catch(() => undefined)
    if (options.ready_file) rmSync(options.ready_file, { force: true })
  }
  if (stop.aborted) progress.say(`Stopped. All data is in ${paths.dir}`)
  if (
    !stop.aborted &&
    failed.signal.reason instanceof Error &&
    failed.signal.reason.message !== 'stopping'
  )
    throw failed.signal.reason
}

interface Start {
  options: UpCommandOptions
  paths: Layout
  system: EmbeddedSystem
  db: Db
  progress: Progress
  log: Logger
  stop: AbortSignal
  run: (work: Promise<void>) => void
  /** The time of the start, from performance.now(). */
  began: number
}

async function start(context: Start): Promise<void> {
  const { options, paths, system, db, progress, log, stop, run, began } = context
  const { config } = system
  const administrator = await progress.step('administrator', () =>
    prepareAdministrator(db, paths, {
      url: config.public_url,
      token_days: config.limits.token_days,
    }),
  )
  const keygen = keepKeygen({ paths, stop, log })
  run(keygen.ended)
  await progress.step('keygen', () => orStopped(keygen.ready, stop))
  // Builders return their tasks when they are stopped, so the servers must respond until all builders have exited.
  let builders = Promise.resolve()
  const managed = poolBuilders(paths, stop)
  const stopServing = new AbortController()
  void untilAborted(stop)
    .then(async () => await Promise.allSettled([builders, managed.ended]))
    .then(() => stopServing.abort())
  await progress.step('frontend, backend, dist-git', async () => {
    const { promise: listening, resolve } = Promise.withResolvers<void>()
    run(
      runComponent(
        'servers',
        {
          config,
          log,
          stop: stopServing.signal,
          onListening: () => resolve(),
          startBuilder: managed.start,
        },
        { name: '', scratch_dir: '', enroll_token: undefined },
      ),
    )
    await orStopped(listening, stop)
  })
  const chroot = await prepareChroot(context)
  await progress.step(
    `builders`,
    async () => {
      const { max_attempts } = config.limits
      const now = (): Date => new Date()
      builders = keepLocalPool({
        db,
        count: config.local_builders,
        start: (machine) => startBuilder(paths, machine),
        max_attempts,
        now,
        log,
        stop,
      })
      run(builders)
      await untilEnrolled(db, config.local_builders, stop)
    },
    () => `${config.local_builders} on this machine`,
  )
  if (options.ready_file) writeReadyFile(options.ready_file, config, paths)
  log.info({ seconds: (performance.now() - began) / 1000 }, 'Ready')
  if (options.example && chroot) await example(context, administrator, chroot)
  sayWhatNext(context, administrator, chroot?.name ?? 'CHROOT')
}

/** Imports the chroot that this machine can provide; returns undefined if there is none. */
async function prepareChroot(context: Start): Promise<ChrootConfig | undefined> {
  const { paths, db, options, progress, stop } = context
  const more = options.more_packages
  const config = await firstChroot({ dir: paths.distro, more, progress, stop })
  if (config) await importChroot(db, config, new Date())
  return config
}

async function example(
  { paths, system, db, progress, stop }: Start,
  credentials: Credentials,
  chroot: ChrootConfig,
): Promise<void> {
  // The example no longer runs once it has succeeded: later starts should be quick and not touch the user's projects.
  const marker = join(paths.example, 'shown')
  if (existsSync(marker) && (await findProject(db, ADMINISTRATOR, EXAMPLE_PROJECT))) return
  try {
    await showExample({
      ...credentials,
      url: system.config.public_url,
      username: ADMINISTRATOR,
      chroot,
      paths,
      progress,
      stop,
    })
    writeFileSync(marker, '')
  } catch (error) {
    if (stop.aborted) throw error
    // The error is not rethrown: the system itself is running, and its pages show why the example failed.
    progress.say(`\n  The example failed: ${messageOf(error)}`)
    progress.say(
      `  The system keeps running; the logs are in ${paths.logs}. The next start retries the example.`,
    )
    process.exitCode = 1
  }
}

function sayWhatNext(
  { paths, system: { config }, progress, began }: Start,
  { login_url }: Administrator,
  chroot: string,
): void {
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  progress.say()
  progress.say(`Ready after ${seconds} s: ${config.public_url}`)
  if (login_url) {
    progress.say(`  log in      ${login_url}`)
    progress.say(
      `              (once, within a day: choose the password of ${ADMINISTRATOR} there)`,
    )
  } else {
    const config_option =
      paths.config === resolve(DEFAULT_CONFIG) ? '' : ` --config ${paths.config}`
    progress.say(
      `  log in      as ${ADMINISTRATOR}; a new password: npx coprctl user link ${ADMINISTRATOR}${config_option}`,
    )
  }
  progress.say(`  logs        ${paths.logs}`)
  progress.say()
  progress.say('What a user would type next:')
  progress.say('  python3 -m venv v; . v/bin/activate; pip install copr-cli')
  progress.say(`  alias c='copr-cli --config ${paths.client_config}'`)
  progress.say(`  c whoami`)
  progress.say(`  c create first --chroot ${chroot}`)
  progress.say(`  c build first YOUR.src.rpm`)
  progress.say()
  progress.say('Ctrl-C stops everything; the next start goes on where this one stopped.')
}

async function orStopped(ready: Promise<void>, stop: AbortSignal): Promise<void> {
  await Promise.race([ready, untilAborted(stop)])
  stop.throwIfAborted()
}

async function untilEnrolled(db: Db, count: number, stop: AbortSignal): Promise<void> {
  for (;;) {
    stop.throwIfAborted()
    const machines = await livingMachines(db, 'local')
    if (machines.filter((machine) => machine.state === 'ready').length >= count) return
    await sleep(100, undefined, { signal: stop })
  }
}

/** Atomically writes the file that shows that the system is ready. */
function writeReadyFile(path: string, config: Configuration, paths: Layout): void {
  const ready = { url: config.public_url, config: paths.client_config, pid: process.pid }
  writeFileSync(`${path}.new`, `${JSON.stringify(ready)}\n`)
  renameSync(`${path}.new`, path)
}

/** Writes the lock file that prevents other systems from using the folder, which would corrupt it. */
function takeDataDir({ dir, lock }: Layout): Disposable {
  mkdirSync(dir, { recursive: true, mode: 0o711 })
  writeFileSync(lock, `${process.pid}\n`)
  return { [Symbol.dispose]: () => rmSync(lock, { force: true }) }
}
