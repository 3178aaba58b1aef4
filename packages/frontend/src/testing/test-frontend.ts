import { DistgitLayout } from '@copr/contract/configuration/distgit-instances'
import { importChroot } from '@copr/domain/chroots/chroot-queries'
import type { Db } from '@copr/domain/database/open'
import { issueToken } from '@copr/domain/users/api-tokens'
import { createUser } from '@copr/domain/users/user-queries'
import type { User } from '@copr/domain/audit/actor'
import { openAttempts } from '@copr/process/attempts'
import { silentLog } from '@copr/process/log'
import { directoryUploads } from '@copr/object-store/uploads'
import { openFilledTestDb, type TestDb } from '@copr/testkit/postgres'
import type { Hono } from 'hono'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Frontend, frontendApp } from '../app.ts'
import { testKeygen } from './test-keygen.ts'

export const NOW = new Date('2026-11-22T12:00:00Z')
export const SITE = 'http://copr.example.org:5000'
const CHROOTS = ['debian-12-x86_64', 'fedora-43-x86_64', 'fedora-43-i386']

export interface TestFrontend extends AsyncDisposable {
  db: Db
  app: Hono
  frontend: Frontend
  dana: User
  kim: User
  admin: User
  /** Sends a request as the user `as`, with `json` as the body if given. */
  ask(path: string, options?: AskOptions): Promise<Response>
  /** Sends a request like `ask()`, throws unless the status is 200, and returns the parsed JSON. */
  get<T = Record<string, unknown>>(path: string, options?: AskOptions): Promise<T>
}

interface AskOptions {
  method?: string
  as?: 'dana' | 'kim' | 'admin'
  json?: unknown
  body?: FormData | string
  headers?: Record<string, string>
}

/** The users in the database, and the Authorization headers with their tokens. */
export interface Accounts {
  users: Record<'dana' | 'kim' | 'admin', User>
  tokens: Map<string, string>
}

type Overrides = Partial<Frontend> & Pick<Frontend['config'], 'oidc' | 'openshift_login'>

/** Opens a frontend on its own database, with users dana, kim and admin, and some chroots. */
export async function openTestFrontend(overrides: Overrides = {}): Promise<TestFrontend> {
  return await openFrontendOn(await openFilledTestDb('frontend', fillFrontend), overrides)
}

/** Opens a frontend on a database that fillFrontend() has filled. */
export async function openFrontendOn(
  test: TestDb & { made: Accounts },
  overrides: Overrides = {},
): Promise<TestFrontend> {
  const { oidc, openshift_login, ...rest } = overrides
  const { db } = test
  const { users, tokens } = test.made
  const uploads_dir = mkdtempSync(join(tmpdir(), 'copr-test-uploads-'))
  const frontend: Frontend = {
    db,
    config: {
      ...(oidc ? { oidc } : {}),
      ...(openshift_login ? { openshift_login } : {}),
      public_url: SITE,
      site_name: 'Copr',
      repo_gpgcheck: true,
      mail: { url: 'smtp://mail.example.org', from: 'copr@example.org', require_tls: true },
      distgit_instances: [
        {
          name: 'garden',
          clone_url: 'https://src.example.org/{namespace}/{name}',
          priority: 10,
          ...DistgitLayout.parse({ default_namespace: 'rpms' }),
        },
        {
          name: 'strict',
          clone_url: 'https://git.example.org/{namespace}/{name}.git',
          priority: 0,
          ...DistgitLayout.parse({}),
        },
        {
          name: 'forks',
          clone_url: 'https://git.example.org/{namespace}/rpms/{name}.git',
          priority: -1,
          ...DistgitLayout.parse({ default_namespace: '' }),
        },
      ],
      limits: {
        max_upload_bytes: 1024 * 1024,
        max_unpacked_bytes: 8 * 1024 * 1024,
        max_unpacked_files: 1000,
        default_timeout_seconds: 18_000,
        max_timeout_seconds: 108_000,
        token_days: 180,
        max_attempts: 3,
      },
    },
    keygen: testKeygen(),
    uploads_dir,
    uploads: directoryUploads(uploads_dir),
    now: () => NOW,
    attempts: openAttempts(overrides.now ?? (() => NOW)),
    log: silentLog(),
    untilPublished: async () => undefined,
    ...rest,
  }
  const app = frontendApp(frontend)

  async function ask(path: string, options: AskOptions = {}): Promise<Response> {
    const {
      as,
      json,
      body,
      method = json !== undefined || body !== undefined ? 'POST' : 'GET',
    } = options
    const headers = new Headers(options.headers)
    if (as) headers.set('authorization', tokens.get(as) ?? '')
    if (json !== undefined) headers.set('content-type', 'application/json')
    const content = json === undefined ? body : JSON.stringify(json)
    return await app.request(path, {
      method,
      headers,
      ...(content === undefined ? {} : { body: content }),
    })
  }

  return {
    db,
    app,
    frontend,
    ...users,
    ask,
    async get<T>(path: string, options?: AskOptions) {
      const response = await ask(path, options)
      const text = await response.text()
      if (response.status !== 200) throw new Error(`${path} returned ${response.status}: ${text}`)
      return JSON.parse(text) as T
    },
    async [Symbol.asyncDispose]() {
      await test[Symbol.asyncDispose]()
      rmSync(uploads_dir, { recursive: true, force: true })
    },
  }
}

export async function fillFrontend({ db }: TestDb): Promise<Accounts> {
  for (const name of CHROOTS) await importChroot(db, chrootConfig(name), NOW)
  const users = {
    dana: await createUser(db, { username: 'dana', password: 'correct horse', now: NOW }),
    kim: await createUser(db, { username: 'kim', password: 'battery staple', now: NOW }),
    admin: await createUser(db, { username: 'admin', is_admin: true, now: NOW }),
  }
  const tokens = new Map<string, string>()
  for (const user of Object.values(users)) {
    const { login, token } = await issueToken(db, user.id, { now: NOW, days: 180 })
    tokens.set(user.username, `Basic ${Buffer.from(`${login}:${token}`).toString('base64')}`)
  }
  return { users, tokens }
}

/** Makes dana/telescope through the API. */
export async function addTelescope(
  t: TestFrontend,
  more: Record<string, unknown> = {},
): Promise<void> {
  const json = { name: 'telescope', chroots: ['debian-12-x86_64', 'fedora-43-x86_64'], ...more }
  await t.get('/api_3/project/add/dana', { as: 'dana', json })
}

function chrootConfig(name: string) {
  const base = { baseurl: 'https://mirror.example.org/', gpgcheck: false }
  const unset = { priority: null, module_hotfixes: null, repo_gpgcheck: null, gpgkey: null }
  return {
    name,
    comment: name.startsWith('debian') ? 'The mini distribution' : '',
    repos: [{ id: 'base', name: 'base', ...base, ...unset }],
    install: ['bash'],
    macros: {},
    tags: [],
  }
}
