import { TOKEN_SCOPES, type TokenScope } from '@copr/contract/token-scopes'
import { issueToken } from '@copr/domain/users/api-tokens'
import { COMMAND, type TokenLimits, type User } from '@copr/domain/audit/actor'
import { createChain } from '@copr/domain/chains/chains'
import type { Db } from '@copr/domain/database/open'
import { findProjectById } from '@copr/domain/projects/project-queries'
import { addWebhook, testWebhook } from '@copr/domain/outgoing-webhooks/project-webhooks'
import { recordAttempt } from '@copr/domain/outgoing-webhooks/webhook-deliveries'
import { makeLoginLink } from '@copr/domain/logins/login-links'
import { openSession } from '@copr/domain/users/sessions'
import { createUser } from '@copr/domain/users/user-queries'
import { openFilledTestDb, type TestDb } from '@copr/testkit/postgres'
import { createHash } from 'node:crypto'
import { fillFrontend, NOW, openFrontendOn, type TestFrontend } from './test-frontend.ts'
import type { ChrootState } from '@copr/domain/database/state-columns'
import { fixtures } from '@copr/domain/testing/fixtures'

/** The callers in the tests, from anonymous to the administrator of the site. */
export const ROLES = [
  'anonymous',
  'stranger',
  'builder',
  'project admin',
  'owner',
  'site admin',
] as const
export type Role = (typeof ROLES)[number]

/**
 * Named tokens of the project's owner: one for each scope, one with all scopes, one limited to this project, and one limited to another
 * project.
 */
export type LimitedToken = TokenScope | 'all scopes' | 'own project' | 'other project'
export const LIMITED_TOKENS = [
  ...Object.keys(TOKEN_SCOPES),
  'all scopes',
  'own project',
  'other project',
] as LimitedToken[]

export interface Fixture extends AsyncDisposable {
  t: TestFrontend
  /** The Authorization header of a caller. */
  as(who: Role | LimitedToken): Record<string, string>
  /** The session cookie of a role, for requests to pages. */
  sessionOf(role: Role): string
  finished_build: number
  running_build: number
  /** An open chain. */
  chain: number
  /** The corresponding builds in the group's project. */
  group_builds: { finished_build: number; running_build: number; chain: number }
  /** The webhook secret of every project. */
  webhook_secret: string
  /** The secret of a login link with which dana chooses a password. */
  login_secret: string
}

const WEBHOOK_SECRET = '0d2c3d0e-5d5b-4d67-9a53-2f6c0c9b7f11'

/**
 * Opens a frontend with dana's project telescope, where bob may build and ada is an admin. The project has the package lenscap with a
 * finished and an unfinished build. The project @orbit/telescope is the same for a group whose only member is dana.
 */
export async function openFixture(): Promise<Fixture> {
  const test = await openFilledTestDb('fixture', fillFixture)
  const { headers, sessions, ...rest } = test.made
  const t = await openFrontendOn(test)
  return {
    t,
    as: (who): Record<string, string> => {
      const authorization = headers.get(who)
      return authorization === undefined ? {} : { authorization }
    },
    sessionOf: (role) => {
      const session = sessions.get(role)
      return session === undefined ? '' : `session=${session}`
    },
    ...rest,
    webhook_secret: WEBHOOK_SECRET,
    [Symbol.asyncDispose]: () => t[Symbol.asyncDispose](),
  }
}

async function fillFixture(empty: TestDb) {
  const { db } = empty
  const accounts = await fillFrontend(empty)
  await using t = await openFrontendOn({ ...empty, made: accounts })
  const bob = await createUser(db, { username: 'bob', now: NOW })
  const ada = await createUser(db, { username: 'ada', now: NOW })
  await makeGroup(t)
  const project = await makeProject(t, 'dana', 'telescope')
  const other = await makeProject(t, 'dana', 'other')
  const of_group = await makeProject(t, '@orbit', 'telescope')
  for (const { id } of [project, of_group])
    await db
      .insertInto('project_permission')
      .values([
        { project_id: id, user_id: bob.id, builder: 'approved' },
        { project_id: id, user_id: ada.id, admin: 'approved' },
      ])
      .execute()
  await db.updateTable('project').set({ webhook_secret: WEBHOOK_SECRET }).execute()
  const builds = await makeBuilds(t, project.id)
  const group_builds = await makeBuilds(t, of_group.id)
  for (const each of [project, of_group]) await addDeliveredWebhook(db, each)
  for (const { id } of [project, of_group]) await makeIntegrations(t, id)
  const headers = new Map<string, string>()
  const sessions = new Map<Role, string>()
  const classic = async (role: Role, user: User): Promise<void> => {
    const { login, token } = await issueToken(db, user.id, { now: NOW, days: 180 })
    headers.set(role, basic(login, token))
    sessions.set(role, await openSession(db, user.id, NOW))
  }
  await classic('stranger', t.kim)
  await classic('builder', bob)
  await classic('project admin', ada)
  await classic('owner', t.dana)
  await classic('site admin', t.admin)
  for (const name of LIMITED_TOKENS) {
    headers.set(name, await namedToken(t, name, limitsOf(name, project, other)))
  }
  const login_secret = await makeLoginLink(db, COMMAND, t.dana, NOW)
  return { ...accounts, headers, sessions, ...builds, group_builds, login_secret }
}

/** Adds a webhook with one delivery that has succeeded. */
async function addDeliveredWebhook(db: Db, { id: project_id }: { id: number }): Promise<void> {
  const webhook = {
    url: 'https://hooks.example.org/copr',
    events: ['build.finished' as const],
    sealed_secret: Buffer.from('sealed'),
  }
  const project = await findProjectById(db, project_id)
  if (!project) throw new Error(`There is no project ${project_id}`)
  const id = await addWebhook(db, COMMAND, { project, webhook, now: NOW })
  const delivery_id = await testWebhook(db, { project, id, now: NOW })
  const attempt = { outcome: 'delivered' as const, status: 204, answer: '204' }
  await recordAttempt(db, delivery_id, attempt, NOW)
}

function limitsOf(name: LimitedToken, own: { id: number }, other: { id: number }): TokenLimits {
  if (name === 'own project') return { scopes: null, project_id: own.id }
  if (name === 'other project') return { scopes: null, project_id: other.id }
  const scopes = name === 'all scopes' ? (Object.keys(TOKEN_SCOPES) as TokenScope[]) : [name]
  return { scopes, project_id: null }
}

async function makeProject(t: TestFrontend, owner: string, name: string): Promise<{ id: number }> {
  const json = { name, chroots: ['debian-12-x86_64', 'fedora-43-x86_64'] }
  return await t.get(`/api_3/project/add/${owner}`, { as: 'dana', json })
}

/** Creates the group @orbit with dana as its member, and astronomers, a group of an identity provider that can be activated as an owner. */
async function makeGroup({ db, dana }: TestFrontend): Promise<void> {
  const { id: group_id } = await db
    .insertInto('user_group')
    .values({ name: 'orbit', created_at: NOW })
    .returning('id')
    .executeTakeFirstOrThrow()
  await db.insertInto('group_member').values({ group_id, user_id: dana.id }).execute()
  await db
    .updateTable('user_account')
    .set({ provider_groups: ['astronomers'] })
    .where('id', '=', dana.id)
    .execute()
}

/** Adds git credentials and a received webhook delivery to a project. Their IDs are 1, or 2 for the group's project. */
async function makeIntegrations({ db }: TestFrontend, project_id: number): Promise<void> {
  const at = { project_id, kind: 'git', url: 'https://git.example.org/' } as const
  const sealed = Buffer.from('sealed')
  await db
    .insertInto('project_secret')
    .values({ ...at, username: 'dana', sealed, changed_at: NOW })
    .execute()
  const body = Buffer.from('{"object_kind": "note"}')
  await db
    .insertInto('webhook_delivery')
    .values({
      project_id,
      forge: 'gitlab',
      event: 'Note Hook',
      received_at: NOW,
      body,
      body_bytes: body.length,
      outcome: 'ignored',
      reason: 'the event note starts no builds',
    })
    .execute()
}

async function makeBuilds({ db, dana }: TestFrontend, project_id: number) {
  const source_json = JSON.stringify({
    type: 'git',
    clone_url: 'https://git.example.org/lenscap.git',
    committish: 'main',
    subdirectory: '',
    spec: 'lenscap.spec',
    source_build_method: 'rpkg',
  })
  const { id: batch_id } = await db
    .insertInto('batch')
    .defaultValues()
    .returning('id')
    .executeTakeFirstOrThrow()
  const comps = '<comps><group><id>lenses</id></group></comps>'
  await db
    .updateTable('project_chroot')
    .set({ comps, comps_name: 'comps.xml' })
    .where('project_id', '=', project_id)
    .execute()
  const pack = await db
    .insertInto('package')
    .values({ project_id, name: 'lenscap', source_type: 'scm', source_json, created_at: NOW })
    .returning('id')
    .executeTakeFirstOrThrow()
  const { id: project_dir_id } = await db
    .selectFrom('project_dir')
    .select('id')
    .where('project_id', '=', project_id)
    .executeTakeFirstOrThrow()
  const build = async (state: ChrootState, finished_at: Date | null): Promise<number> => {
    const { id } = await fixtures(db)
      .insertInto('build')
      .values({
        project_id,
        project_dir_id,
        package_id: pack.id,
        package_version: '1-1',
        srpm_name: 'lenscap-1-1.src.rpm',
        source_type: 'scm',
        source_json,
        source_state: 'succeeded',
        state,
        submitter_id: dana.id,
        submitted_at: NOW,
        finished_at,
        timeout_seconds: 18_000,
        batch_id,
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    const { id: chroot_id } = await db
      .selectFrom('chroot')
      .select('id')
      .where('name', '=', 'fedora-43-x86_64')
      .executeTakeFirstOrThrow()
    const times = { started_at: NOW, ended_at: finished_at }
    const result_dir = `${String(id).padStart(8, '0')}-lenscap`
    await fixtures(db)
      .insertInto('build_chroot')
      .values({ build_id: id, chroot_id, state, result_dir, ...times })
      .execute()
    return id
  }
  return {
    finished_build: await build('succeeded', NOW),
    running_build: await build('pending', null),
    chain: await createChain(db, project_id, NOW),
  }
}

async function namedToken(
  { db, dana }: TestFrontend,
  name: string,
  limits: TokenLimits,
): Promise<string> {
  const login = `limited${name.replaceAll(' ', '')}`
  const token = 'a'.repeat(30)
  const token_hash = createHash('sha256').update(token).digest()
  const scopes = limits.scopes && [...limits.scopes]
  const dates = { created_at: NOW, expires_on: '2027-01-01' }
  await db
    .insertInto('api_token')
    .values({ user_id: dana.id, name, login, token_hash, ...limits, scopes, ...dates })
    .execute()
  return basic(login, token)
}

function basic(login: string, token: string): string {
  return `Basic ${Buffer.from(`${login}:${token}`).toString('base64')}`
}
