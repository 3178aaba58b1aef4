import type { SelfTest } from '@copr/contract/builder-protocol'
import { COMMAND } from '@copr/domain/audit/actor'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Configuration } from '@copr/contract/configuration'
import type { KeyAlgorithm } from '@copr/contract/keygen-protocol'
import { findBuild } from '@copr/domain/builds/build-queries'
import { type Submission, submitBuild } from '@copr/domain/builds/submit'
import { Notices } from '@copr/domain/database/notify'
import { createMachine } from '@copr/domain/machines/machines'
import { noteImport } from '@copr/domain/queue/imported-commits'
import { createProject } from '@copr/domain/projects/create-project'
import type { Project } from '@copr/domain/projects/project-queries'
import { runKeygen } from '@copr/keygen/keygen'
import { sql } from 'kysely'
import { serveHttp } from '@copr/process/http-server'
import { type KeygenClient, keygenClient } from '@copr/keygen-client/keygen-client'
import { silentLog } from '@copr/process/log'
import { openTestDb, type TestDb } from '@copr/testkit/postgres'
import { backendApp } from '../app.ts'
import { runBackend } from '../backend.ts'
import type { Backend } from '../context.ts'
import { directoryStore } from '../store/directory-store.ts'
import type { ResultsStore } from '../store/results-store.ts'
import { TestAgent } from './agent.ts'
import type { BuiltFile } from './packages.ts'

export const CHROOT = 'debian-12-x86_64'
const SECRET = 'a secret for tests only'
const COMMIT = 'c'.repeat(40)

/** A stub of keygen for tests that sign nothing. */
const NO_KEYGEN: Backend['keygen'] = {
  makeKey: () => Promise.reject(new Error('no keygen in this test')),
  changedKeys: () => Promise.resolve([]),
  open: () => Promise.reject(new Error('no keygen in this test')),
  sign: () => Promise.reject(new Error('no keygen in this test')),
}

export interface TestBackendOptions {
  limits?: Partial<Configuration['limits']>
  withKeygen?: boolean
  algorithm?: KeyAlgorithm
  /** Default: a store in a folder. */
  store?: ResultsStore
}

/** A backend with its own database and folder that listens on a free port. Its loops do not run until run() is called. */
export class TestBackend implements AsyncDisposable {
  readonly testDb: TestDb
  readonly data_dir: string
  readonly backend: Backend
  readonly url: string
  readonly #stop = new AbortController()
  readonly #ends: (() => Promise<unknown>)[]
  project!: Project
  readonly #algorithm: KeyAlgorithm
  readonly #admin: KeygenClient | undefined

  private constructor(
    parts: {
      testDb: TestDb
      data_dir: string
      backend: Backend
      url: string
      admin: KeygenClient | undefined
    },
    ends: (() => Promise<unknown>)[],
    algorithm: KeyAlgorithm,
  ) {
    this.testDb = parts.testDb
    this.data_dir = parts.data_dir
    this.backend = parts.backend
    this.url = parts.url
    this.#admin = parts.admin
    this.#ends = ends
    this.#algorithm = algorithm
  }

  static async start(options: TestBackendOptions = {}): Promise<TestBackend> {
    const testDb = await openTestDb()
    const data_dir = await mkdtemp(join(tmpdir(), 'copr-backend-'))
    const outer = new AbortController()
    const stop = outer.signal
    const log = silentLog()
    const ends: (() => Promise<unknown>)[] = []
    const notices = new Notices()
    const listening = notices.run(testDb.url, { stop, log })
    let keygen = NO_KEYGEN
    let admin: KeygenClient | undefined
    if (options.withKeygen) {
      const port = Promise.withResolvers<number>()
      const config = {
        database_url: testDb.url,
        host: '127.0.0.1',
        port: 0,
        secret: SECRET,
        master_key: { file: join(data_dir, 'master-key') },
        previous_master_keys: [],
        signatures_per_minute: { project: 10_000, all: 10_000 },
        sign_domain: 'copr.example',
        pool_size: 0,
      }
      const running = runKeygen({ config, log, stop, onListening: port.resolve })
      ends.push(() => running)
      admin = keygen = keygenClient({
        url: `http://127.0.0.1:${await port.promise}`,
        secret: SECRET,
      })
    }
    const config = Configuration.parse({
      public_url: 'http://copr.example',
      listen: {},
      data_dir,
      database_url: testDb.url,
      keygen: { url: 'http://keygen.example', secret: SECRET, master_key_file: '' },
      limits: options.limits ?? {},
    })
    const backend: Backend = {
      db: testDb.db,
      notices,
      config,
      keygen,
      log,
      now: () => new Date(),
      store: options.store ?? directoryStore(data_dir),
    }
    const server = await serveHttp(backendApp(backend), { host: '127.0.0.1', port: 0 })
    const url = `http://127.0.0.1:${server.port}`
    ends.unshift(async () => {
      await server[Symbol.asyncDispose]()
      outer.abort()
      await listening
    })
    const test = new TestBackend(
      { testDb, data_dir, backend, url, admin },
      ends,
      options.algorithm ?? 'ed25519',
    )
    await test.#makeProject()
    return test
  }

  get db() {
    return this.testDb.db
  }

  /** A client of keygen that also has an administrator's methods. */
  get keygenAdmin(): KeygenClient {
    if (!this.#admin) throw new Error('This test runs without keygen')
    return this.#admin
  }

  /** Runs SQL, for tables that do not belong to the domain. */
  async query(statement: string): Promise<void> {
    await sql.raw(statement).execute(this.db)
  }

  get results(): string {
    return join(this.data_dir, 'results')
  }

  /** Starts the loops, which end with the test. */
  run(): void {
    const running = runBackend(this.backend, { stop: this.#stop.signal })
    this.#ends.unshift(async () => {
      this.#stop.abort()
      await running
    })
  }

  async agent(
    kinds: ('source' | 'import' | 'rpm')[] = ['source', 'import', 'rpm'],
    self_test?: SelfTest,
  ): Promise<TestAgent> {
    const name = 'builder-1'
    const { enroll_token } = await createMachine(this.db, {
      pool: 'test',
      name,
      kinds,
      now: new Date(),
    })
    const body = JSON.stringify({
      enroll_token,
      name,
      kinds,
      arches: ['x86_64', 'noarch'],
      tags: [],
      self_test,
    })
    const response = await fetch(`${this.url}/builder/enroll`, { method: 'POST', body })
    if (!response.ok) throw new Error(`enroll: ${response.status} ${await response.text()}`)
    const { session_token } = (await response.json()) as { session_token: string }
    const agent = new TestAgent(this.url, session_token)
    agent.onImported = (build_id, commits) => noteImport(this.db, build_id, commits)
    return agent
  }

  async submitLink(url = 'https://example.com/hello-1.0-1.src.rpm'): Promise<number> {
    return await this.submit({ type: 'link', json: { url } })
  }

  /** Submits a build of a source to all chroots of the project; returns its ID. */
  async submit(
    source: Submission['source'],
    fields: Partial<Omit<Submission, 'project' | 'source'>> = {},
  ): Promise<number> {
    const submission: Submission = {
      project: this.project,
      submitter_id: this.project.user_id,
      source,
      chroots: null,
      timeout_seconds: 100,
      limits: this.backend.config.limits,
      ...fields,
    }
    return await submitBuild(this.db, submission, new Date())
  }

  /** Submits a build and runs it up to the task of its build chroot, which the agent then claims; returns the build's ID. */
  async untilRpmTask(agent: TestAgent, files: BuiltFile[]): Promise<number> {
    const id = await this.untilPending(agent, files)
    await agent.claim()
    return id
  }

  /** Submits a build and runs it up to the task of its build chroot, which then waits to be claimed; returns the build's ID. */
  async untilPending(agent: TestAgent, files: BuiltFile[]): Promise<number> {
    const id = await this.submitLink()
    await agent.claim()
    await accepted(await agent.succeed(files.filter(({ name }) => name.endsWith('.src.rpm'))))
    await agent.claim()
    await accepted(await agent.succeed([], { branch_commits: { debian12: COMMIT } }))
    return id
  }

  /** Runs a whole build, whose results then wait to be published; returns the build's ID. */
  async built(agent: TestAgent, files: BuiltFile[]): Promise<number> {
    const id = await this.untilRpmTask(agent, files)
    await agent.log('building\n', 0)
    await accepted(await agent.succeed(files))
    return id
  }

  async build(id: number) {
    const build = await findBuild(this.db, id)
    if (!build) throw new Error(`No build ${id}`)
    const [chroot] = build.chroots
    return { ...build, chroot }
  }

  async #makeProject(): Promise<void> {
    const now = new Date()
    const { id: user_id } = await this.db
      .insertInto('user_account')
      .values({ username: 'dana', created_at: now })
      .returning('id')
      .executeTakeFirstOrThrow()
    const repos = [{ id: 'base', name: 'base', baseurl: 'http://mirror.example/' }]
    const config = { name: CHROOT, comment: '', repos, install: ['bash'], macros: {}, tags: [] }
    const chroot = { name: CHROOT, os_release: 'debian', os_version: '12', arch: 'x86_64' }
    await this.db
      .insertInto('chroot')
      .values({
        ...chroot,
        distgit_branch: 'debian12',
        config: JSON.stringify(config),
        created_at: now,
      })
      .execute()
    this.project = await this.makeProject(user_id)
  }

  async makeProject(user_id: number, name = 'telescope'): Promise<Project> {
    const project = { ownername: 'dana', name, user_id, chroots: [CHROOT], now: new Date() }
    const made = await createProject(this.db, COMMAND, project)
    await this.db
      .updateTable('project')
      .set({ key_algorithm: this.#algorithm })
      .where('id', '=', made.id)
      .execute()
    return made
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends) await end()
    await this.testDb[Symbol.asyncDispose]()
    await rm(this.data_dir, { recursive: true, force: true, maxRetries: 5 })
  }
}

export async function accepted(response: Response): Promise<void> {
  const text = await response.text()
  if (response.status !== 200 || text !== '{"accepted":true}')
    throw new Error(`Not accepted: ${response.status} ${text}`)
}
