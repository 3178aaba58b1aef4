import { DistgitLayout } from '@copr/contract/configuration/distgit-instances'
import { createHash } from 'node:crypto'
import type { BuildState, PermissionState } from '@copr/contract/states'
import { applySourceMetadata } from '@copr/domain/builds/source-metadata'
import { importChroot } from '@copr/domain/chroots/chroot-queries'
import { enableChroots } from '@copr/domain/projects/create-project'
import { daysUntil } from '@copr/domain/projects/project-settings'
import { fixtures } from '@copr/domain/testing/fixtures'
import { createUser } from '@copr/domain/users/user-queries'
import { z } from 'zod'
import type { Frontend } from '../../packages/frontend/src/app.ts'

type Command = (frontend: Frontend, args: unknown) => Promise<unknown>

const State = z.custom<Exclude<BuildState, 'unknown'>>((value) => typeof value === 'string')
const Seconds = z
  .number()
  .transform((seconds) => new Date(seconds * 1000))
  .optional()
const Moment = z.iso.datetime({ offset: true }).transform((text) => new Date(text))

/** Makes a command from the schema of its arguments. */
function command<Shape extends z.ZodRawShape>(
  shape: Shape,
  act: (frontend: Frontend, args: z.output<z.ZodObject<Shape>>) => Promise<unknown>,
): Command {
  return async (frontend, args) => await act(frontend, z.strictObject(shape).parse(args))
}

/** Commands that create or query objects which upstream's tests would write directly into their database. */
export const COMMANDS = {
  add_user: command(
    { username: z.string(), email: z.string(), is_admin: z.boolean() },
    async ({ db, now }, user) => (await createUser(db, { ...user, now: now() })).id,
  ),
  set_token: command(
    { user: z.int(), login: z.string(), token: z.string() },
    async ({ db, now }, { user, login, token }) => {
      const token_hash = createHash('sha256').update(token).digest()
      await db
        .insertInto('api_token')
        .values({ user_id: user, login, token_hash, created_at: now(), expires_on: '2099-01-01' })
        .execute()
    },
  ),
  add_distgit: command(
    { name: z.string(), clone_url: z.string(), priority: z.int() },
    async ({ config }, instance) => {
      config.distgit_instances.push({ ...instance, ...DistgitLayout.parse({}) })
      return Promise.resolve()
    },
  ),
  add_chroot: command(
    { name: z.string(), comment: z.string(), is_active: z.boolean() },
    async ({ db, now }, { name, comment, is_active }) => {
      const repo = { id: 'base', name: 'base', baseurl: 'https://mirror.example.org/' }
      const unset = { priority: null, module_hotfixes: null, repo_gpgcheck: null, gpgkey: null }
      const repos = [{ ...repo, gpgcheck: false, ...unset }]
      const config = { name, comment, repos, install: ['bash'], macros: {}, tags: [] }
      const { id } = await importChroot(db, config, now())
      if (!is_active)
        await db.updateTable('chroot').set({ is_active }).where('id', '=', id).execute()
      return id
    },
  ),
  add_project: command(
    {
      user: z.int(),
      owner: z.string(),
      name: z.string(),
      description: z.string().optional(),
      runtime_dependencies: z.array(z.string()),
      packit: z.array(z.string()),
    },
    async ({ db, now }, { user, owner, name, description = '', runtime_dependencies, packit }) => {
      const { id } = await db
        .insertInto('project')
        .values({
          user_id: user,
          ownername: owner,
          name,
          description,
          runtime_dependencies,
          packit_forge_projects_allowed: packit,
          created_at: now(),
        })
        .returning('id')
        .executeTakeFirstOrThrow()
      await db
        .insertInto('project_dir')
        .values({ project_id: id, name, created_at: now() })
        .execute()
      return id
    },
  ),
  set_project: command(
    {
      project: z.int(),
      fields: z.strictObject({
        multilib: z.boolean().optional(),
        module_hotfixes: z.boolean().optional(),
        delete_after: Moment.optional(),
      }),
    },
    async ({ db }, { project, fields }) => {
      await db.updateTable('project').set(fields).where('id', '=', project).execute()
    },
  ),
  enable_chroot: command(
    { project: z.int(), chroot: z.string() },
    async ({ db }, { project, chroot }) => {
      const row = await chrootOf(db, chroot)
      await db.transaction().execute(async (tx) => await enableChroots(tx, project, [row]))
    },
  ),
  remove_chroot: command(
    { project: z.int(), chroot: z.string(), delete_after: Moment },
    async ({ db }, { project, chroot, delete_after }) => {
      const { id } = await chrootOf(db, chroot)
      await db
        .updateTable('project_chroot')
        .set({ is_enabled: false, delete_after })
        .where('project_id', '=', project)
        .where('chroot_id', '=', id)
        .execute()
    },
  ),
  set_permission: command(
    {
      project: z.int(),
      user: z.int(),
      admin: z.custom<PermissionState>(),
      builder: z.custom<PermissionState>(),
    },
    async ({ db }, { project, user, admin, builder }) => {
      await db
        .insertInto('project_permission')
        .values({ project_id: project, user_id: user, admin, builder })
        .execute()
    },
  ),
  dir_of: command({ project: z.int(), name: z.string() }, async ({ db }, { project, name }) => {
    const { id } = await db
      .selectFrom('project_dir')
      .select('id')
      .where('project_id', '=', project)
      .where('name', '=', name)
      .executeTakeFirstOrThrow()
    return id
  }),
  add_package: command(
    { project: z.int(), name: z.string() },
    async ({ db, now }, { project, name }) => {
      const { id } = await db
        .insertInto('package')
        .values({
          project_id: project,
          name,
          source_type: 'unset',
          source_json: '{}',
          created_at: now(),
        })
        .returning('id')
        .executeTakeFirstOrThrow()
      return id
    },
  ),
  add_build: command(
    {
      project: z.int(),
      dir: z.int(),
      user: z.int(),
      package: z.int().nullable(),
      submitted_on: z.number(),
      source_state: State,
    },
    async ({ db }, build) => {
      const source_state = build.source_state as 'importing' | 'pending' | 'succeeded'
      const { id } = await fixtures(db)
        .insertInto('build')
        .values({
          project_id: build.project,
          project_dir_id: build.dir,
          package_id: build.package,
          submitter_id: build.user,
          source_type: 'link',
          source_json: JSON.stringify({ url: 'http://somesrpm' }),
          source_state,
          state: source_state === 'succeeded' ? 'waiting' : source_state,
          submitted_at: new Date(build.submitted_on * 1000),
          timeout_seconds: 18_000,
        })
        .returning('id')
        .executeTakeFirstOrThrow()
      return id
    },
  ),
  add_build_chroot: command(
    {
      build: z.int(),
      chroot: z.string(),
      state: State,
      result_dir: z.string().optional(),
      started_on: Seconds,
      ended_on: Seconds,
    },
    async ({ db }, { build, chroot, state, result_dir, started_on, ended_on }) => {
      const { id: chroot_id } = await chrootOf(db, chroot)
      const times = { started_at: started_on ?? null, ended_at: ended_on ?? null }
      const { id } = await fixtures(db)
        .insertInto('build_chroot')
        .values({ build_id: build, chroot_id, state: state as 'waiting', result_dir, ...times })
        .returning('id')
        .executeTakeFirstOrThrow()
      if (state !== 'waiting')
        await fixtures(db).updateTable('build').set({ state }).where('id', '=', build).execute()
      return id
    },
  ),
  add_packages: command(
    {
      build: z.int(),
      chroot: z.string(),
      packages: z.array(
        z.strictObject({
          name: z.string(),
          epoch: z.int().nullable(),
          version: z.string(),
          release: z.string(),
          arch: z.string(),
        }),
      ),
    },
    async ({ db }, { build, chroot, packages }) => {
      const { id: build_chroot_id } = await buildChrootOf(db, build, chroot)
      await db
        .insertInto('built_package')
        .values(packages.map((one) => ({ build_chroot_id, ...one })))
        .execute()
    },
  ),
  end_source: command(
    {
      build: z.int(),
      state: State,
      package: z.string().nullable(),
      version: z.string().nullable(),
    },
    async ({ db, now }, { build, state, package: name, version }) => {
      await db.deleteFrom('task').where('build_id', '=', build).execute()
      if (state !== 'succeeded') {
        const failed = { source_state: 'failed', state: 'failed', finished_at: now() } as const
        await fixtures(db).updateTable('build').set(failed).where('id', '=', build).execute()
        const chroots = { state: 'failed', ended_at: now() } as const
        await fixtures(db)
          .updateTable('build_chroot')
          .set(chroots)
          .where('build_id', '=', build)
          .execute()
        return
      }
      const facts = {
        name: name ?? '',
        version: version ?? '',
        srpm_name: `${name}-${version}.src.rpm`,
        exclusive_arch: [],
        exclude_arch: [],
      }
      await db
        .transaction()
        .execute(async (tx) => await applySourceMetadata(tx, build, facts, now()))
    },
  ),
  end_import: command({ build: z.int() }, async ({ db }, { build }) => {
    await db.deleteFrom('task').where('build_id', '=', build).execute()
    const [imported, pending] = [
      { source_state: 'succeeded', state: 'pending' },
      { state: 'pending' },
    ] as const
    await fixtures(db).updateTable('build').set(imported).where('id', '=', build).execute()
    await fixtures(db)
      .updateTable('build_chroot')
      .set(pending)
      .where('build_id', '=', build)
      .execute()
  }),
  end_chroot: command(
    { build: z.int(), chroot: z.string(), state: State, result_dir: z.string() },
    async ({ db, now }, { build, chroot, state, result_dir }) => {
      const { id } = await buildChrootOf(db, build, chroot)
      const ended = { state: state as 'succeeded', result_dir, ended_at: now() }
      await fixtures(db).updateTable('build_chroot').set(ended).where('id', '=', id).execute()
      const left = await db
        .selectFrom('build_chroot')
        .select('id')
        .where('build_id', '=', build)
        .where('state', '=', 'pending')
        .execute()
      if (left.length > 0) return
      const done = { state, finished_at: now() }
      await fixtures(db).updateTable('build').set(done).where('id', '=', build).execute()
    },
  ),
  projects: command({}, async ({ db }) => {
    const projects = await db.selectFrom('project').selectAll().orderBy('id').execute()
    const chroots = await db
      .selectFrom('project_chroot')
      .innerJoin('chroot', 'chroot.id', 'chroot_id')
      .select(['project_id', 'chroot.name'])
      .where('chroot.is_active', '=', true)
      .where('is_enabled', '=', true)
      .orderBy('chroot.id')
      .execute()
    return projects.map(({ id, name, ownername }) => ({
      id,
      name,
      ownername,
      chroots: chroots.filter((one) => one.project_id === id).map((one) => one.name),
    }))
  }),
  project: command({ project: z.int() }, async ({ db, now }, { project }) => {
    const { fedora_review, delete_after } = await db
      .selectFrom('project')
      .select(['fedora_review', 'delete_after'])
      .where('id', '=', project)
      .executeTakeFirstOrThrow()
    return { fedora_review, delete_after_days: daysUntil(delete_after, now()) }
  }),
  builds: command({}, async ({ db }) => {
    const builds = await db.selectFrom('build').select('id').orderBy('id').execute()
    const chroots = await db
      .selectFrom('build_chroot')
      .innerJoin('chroot', 'chroot.id', 'chroot_id')
      .select(['build_id', 'chroot.name'])
      .orderBy('build_chroot.id')
      .execute()
    return builds.map(({ id }) => ({
      id,
      chroots: chroots.filter((one) => one.build_id === id).map((one) => one.name),
    }))
  }),
  build: command({ build: z.int() }, async ({ db }, { build }) => {
    return await db
      .selectFrom('build')
      .leftJoin('package', 'package.id', 'package_id')
      .select(['build.project_id as project', 'package.name as package'])
      .where('build.id', '=', build)
      .executeTakeFirstOrThrow()
  }),
}

export function isCommand(name: unknown): name is keyof typeof COMMANDS {
  return typeof name === 'string' && Object.hasOwn(COMMANDS, name)
}

type Db = Frontend['db']

async function chrootOf(db: Db, name: string) {
  return await db
    .selectFrom('chroot')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirstOrThrow(() => new Error(`There is no chroot ${name}`))
}

async function buildChrootOf(db: Db, build: number, chroot: string): Promise<{ id: number }> {
  const { id } = await chrootOf(db, chroot)
  return await db
    .selectFrom('build_chroot')
    .select('id')
    .where('build_id', '=', build)
    .where('chroot_id', '=', id)
    .executeTakeFirstOrThrow(() => new Error(`Build ${build} has no chroot ${chroot}`))
}
