import { type Db, openDb } from '@copr/domain/database/open'
import { COMMAND } from '@copr/domain/audit/actor'
import { issueToken } from '@copr/domain/users/api-tokens'
import { makeLoginLink } from '@copr/domain/logins/login-links'
import { openSession } from '@copr/domain/users/sessions'
import pg from 'pg'
import { FIRST_CHROOT } from './fill-builds.ts'
import { builds, giant_packages } from './sizes.ts'

/** A project, with one directory, one package, one build and one chroot of it. */
export interface Sample {
  ownername: string
  projectname: string
  dirname: string
  packagename: string
  build_id: number
  chrootname: string
}

export interface Samples {
  /** Builds in users' projects of all sizes, except the giant (the largest project). */
  users: Sample[]
  groups: Sample[]
  /** Builds in various directories of the giant, the project that has a fifth of all builds. */
  giant: Sample[]
}

export type Visitor = 'owner' | 'admin'

/** Credentials of the users who send requests: headers of an owner and of an administrator, and a valid link to set a password. */
export interface Visitors {
  headers: Record<Visitor, Record<string, string>>
  login_link: string
}

const OWNER = 1
const ADMIN = 2

export interface Prepared {
  samples: Samples
  visitors: Visitors
  /** The package with the most builds. */
  mass_package: string
}

export async function prepare(url: string): Promise<Prepared> {
  const client = new pg.Client(url)
  await client.connect()
  const db = openDb(url)
  try {
    // Builds are sampled at regular ID intervals. The giant's builds have IDs that are multiples of 5.
    const samples = {
      users: await sampled(client, 3163, `build.id % 5 <> 0 and ownername not like '@%'`),
      groups: await sampled(client, 397, `build.id % 5 <> 0 and ownername like '@%'`),
      giant: await sampled(client, 5000, 'project.id = 1'),
    }
    await admit(client, [...samples.users, ...samples.groups])
    const { rows } = await client.query<{ name: string }>(
      `select name from package where id = ${giant_packages + 2}`,
    )
    const now = new Date()
    const owner = { id: OWNER, username: 'user1' }
    return {
      samples,
      mass_package: rows[0]?.name ?? '',
      visitors: {
        headers: {
          owner: await headersOf(db, OWNER, now),
          admin: await headersOf(db, ADMIN, now),
        },
        login_link: await makeLoginLink(db, COMMAND, owner, now),
      },
    }
  } finally {
    await db.destroy()
    await client.end()
  }
}

async function sampled(client: pg.Client, step: number, where: string): Promise<Sample[]> {
  const { rows } = await client.query<Sample>(`
    select ownername, project.name as projectname, project_dir.name as dirname, package.name as packagename,
      build.id as build_id, chroot.name as chrootname
    from generate_series(${step}, ${builds}, ${step}) n
    join build on build.id = n
    join build_chroot on build_chroot.build_id = build.id and build_chroot.id = ${FIRST_CHROOT}
    join chroot on chroot.id = chroot_id and chroot.is_active
    join project on project.id = build.project_id
    join project_dir on project_dir.id = build.project_dir_id
    join package on package.id = package_id
    where deleted_at is null and ${where} order by n limit 200`)
  if (rows.length < 50) throw new Error(`Cannot measure: only ${rows.length} samples`)
  return rows
}

/** Gives the owner access to the sampled projects, through ordinary permissions. */
async function admit(client: pg.Client, samples: Sample[]): Promise<void> {
  const names = samples.map(({ ownername, projectname }) => `${ownername}/${projectname}`)
  await client.query(
    `insert into project_permission (project_id, user_id, builder, admin)
     select id, ${OWNER}, 'approved', 'approved' from project
     where deleted_at is null and ownername || '/' || name = any($1)
     on conflict (project_id, user_id) do update set builder = 'approved', admin = 'approved'`,
    [names],
  )
}

/** Returns headers with both kinds of credentials: a token for the API, and a session cookie for pages. */
async function headersOf(db: Db, user_id: number, now: Date): Promise<Record<string, string>> {
  const { login, token } = await issueToken(db, user_id, { now, days: 1 })
  const session = await openSession(db, user_id, now)
  const basic = Buffer.from(`${login}:${token}`).toString('base64')
  return { authorization: `Basic ${basic}`, cookie: `session=${session}` }
}
