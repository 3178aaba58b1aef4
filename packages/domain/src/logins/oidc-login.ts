import { OwnerName } from '@copr/contract/names'
import { CoprError } from '@copr/process/errors'
import { audit } from '../audit/audit.ts'
import type { Db, Tx } from '../database/open.ts'
import { syncMemberships } from '../groups/memberships.ts'
import type { UserActor, User } from '../audit/actor.ts'
import { USER_COLUMNS } from '../users/user-queries.ts'

/** A user as the identity provider describes it at login. */
export interface Identity {
  issuer: string
  /** The permanent ID of the user at this issuer; in contrast, a username may be reassigned to another user. */
  subject: string
  /** The username claim as received: `dana`, `dana@EXAMPLE.ORG`, `host/dana`. */
  username: string
  email: string | null
  groups: string[]
}

interface LoginOptions {
  /** The provider group whose members are the site's administrators; undefined if the provider does not decide who is one. */
  admin_group: string | undefined
  now: Date
}

type Account = User & { blocked_at: Date | null }

function byProvider({ id, username, email, is_admin }: User): UserActor {
  return { id, username, email, is_admin, via: 'oidc' }
}

/**
 * Returns the user for an identity; creates the user at the first login. Updates what the provider reports: email address, groups,
 * memberships, and whether the user is an administrator.
 */
export async function loginByIdentity(
  db: Db,
  identity: Identity,
  { admin_group, now }: LoginOptions,
): Promise<User> {
  return await db.transaction().execute(async (tx) => {
    const known = await findByIdentity(tx, identity)
    const account = known ?? (await createFrom(tx, identity, now))
    if (account.blocked_at)
      throw new CoprError(
        'forbidden',
        `Cannot log in as ${account.username}: the administrator blocked this account`,
      )
    const provider_groups = [...new Set(identity.groups)].toSorted()
    const is_admin =
      admin_group === undefined ? account.is_admin : provider_groups.includes(admin_group)
    const { email } = identity
    const user = await tx
      .updateTable('user_account')
      .set({ email, provider_groups, is_admin })
      .where('id', '=', account.id)
      .returning(USER_COLUMNS)
      .executeTakeFirstOrThrow()
    const actor = byProvider(user)
    const subject = `user ${user.username}`
    if (is_admin !== account.is_admin)
      await audit(tx, actor, { action: 'user.admin', subject, details: { is_admin } }, now)
    await syncMemberships(tx, actor, { user, provider_groups }, now)
    return user
  })
}

/** Returns the name in a principal: the text before the @, with each slash replaced by `_`; for example, `dana` for `dana@EXAMPLE.ORG`. */
function usernameOf(claim: string): string {
  const name = claim.split('@')[0]?.replaceAll('/', '_') ?? ''
  if (name.length > 100 || !OwnerName.safeParse(name).success)
    throw new CoprError(
      'invalid',
      `Cannot log in as ${JSON.stringify(claim.slice(0, 200))}: a user name here has up to 100 letters, digits, "_", "." and "-". ` +
        'Ask the administrator which claim of the identity provider becomes the user name',
    )
  return name
}

/** Finds and locks the account, so that concurrent logins are serialized. */
async function findByIdentity(tx: Tx, { issuer, subject }: Identity): Promise<Account | undefined> {
  return await tx
    .selectFrom('user_account')
    .select([...USER_COLUMNS, 'blocked_at'])
    .where('oidc_issuer', '=', issuer)
    .where('oidc_subject', '=', subject)
    .forUpdate()
    .executeTakeFirst()
}

async function createFrom(tx: Tx, identity: Identity, now: Date): Promise<Account> {
  const { issuer, subject, email } = identity
  const username = usernameOf(identity.username)
  const made = await tx
    .insertInto('user_account')
    .values({
      username,
      email,
      is_admin: false,
      password_hash: null,
      oidc_issuer: issuer,
      oidc_subject: subject,
      created_at: now,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning([...USER_COLUMNS, 'blocked_at'])
    .executeTakeFirst()
  if (made) {
    const subject = `user ${username}`
    await audit(tx, byProvider(made), { action: 'user.make', subject, details: { email } }, now)
  }
  // If the account was not created here, either a concurrent login has created it, or the name belongs to another account.
  const account = made ?? (await findByIdentity(tx, identity))
  if (!account)
    throw new CoprError(
      'conflict',
      `Cannot log in as ${username}: another account of this site has that name already, and it is not the one that you logged in with at the identity provider. Ask the administrator`,
    )
  return account
}
