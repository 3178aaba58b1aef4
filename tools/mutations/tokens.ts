import type { Mutation } from './mutation.ts'

const SRC = 'packages/domain/src'
const FRONTEND = 'packages/frontend/src'
const ACCOUNTS = [`${SRC}/users/accounts.test.ts`]
const MATRIX = [`${FRONTEND}/permissions/role-matrix.test.ts`]
const TABLE = [`${SRC}/users/token-limits.test.ts`]
const LIMITS = `${SRC}/users/token-limits.ts`

/** Faults in tokens, sessions and login links. */
export const TOKENS: readonly Mutation[] = [
  {
    name: 'token-changes-account',
    file: LIMITS,
    find: `if (access === 'account')`,
    replace: `if (access === 'account' && limits.scopes?.length === 0)`,
    breaks: 'A named token can create tokens without restrictions.',
    tests: TABLE,
  },
  {
    name: 'scopes-ignored',
    file: LIMITS,
    find: `limits.scopes !== null && !limits.scopes.includes(each)`,
    replace: `limits.scopes !== null && limits.scopes.length === 0`,
    breaks: 'A token with one scope has all scopes.',
    tests: TABLE,
  },
  {
    name: 'further-scopes-ignored',
    file: LIMITS,
    find: `scope === undefined ? gives : [scope, ...gives]`,
    replace: `scope === undefined ? [] : [scope]`,
    breaks: 'A token can grant rights that it does not have itself.',
    tests: TABLE,
  },
  {
    name: 'project-token-makes-projects',
    file: LIMITS,
    find: `  if (access === 'create') return 'it is restricted to one project and cannot create another'\n`,
    replace: '',
    breaks: 'A token for one project can create other projects.',
    tests: TABLE,
  },
  {
    name: 'token-for-every-project',
    file: LIMITS,
    find: `project_id !== undefined && project_id !== limits.project_id`,
    replace: `project_id !== undefined && project_id === -1`,
    breaks: 'A token for one project is accepted for all projects.',
    tests: TABLE,
  },
  {
    name: 'rights-ignore-token',
    file: `${SRC}/projects/project-access.ts`,
    find: `  if (refusalOfToken(actor, { access: 'user', project_id: project.id })) return NONE\n`,
    replace: '',
    breaks: 'A build in another project can be changed with a token for one project.',
    tests: [`${SRC}/projects/project-access.test.ts`],
  },
  {
    name: 'any-token',
    file: `${SRC}/users/api-tokens.ts`,
    find: `!timingSafeEqual(found.token_hash, hashOfSecret(token))`,
    replace: `timingSafeEqual(found.token_hash, hashOfSecret(''))`,
    breaks: 'A token is accepted if only its login is right.',
    tests: ACCOUNTS,
  },
  {
    name: 'expired-token',
    file: `${SRC}/users/api-tokens.ts`,
    find: `  if (found.expires_on < dateOf(now)) return undefined\n`,
    replace: '',
    breaks: 'A token never expires.',
    tests: ACCOUNTS,
  },
  {
    name: 'token-expires-a-day-early',
    file: `${SRC}/users/api-tokens.ts`,
    find: `if (found.expires_on < dateOf(now))`,
    replace: `if (found.expires_on <= dateOf(now))`,
    breaks: 'A token does not work on its last day.',
    tests: ACCOUNTS,
  },
  {
    name: 'token-of-blocked-user',
    file: `${SRC}/users/api-tokens.ts`,
    find: `    .where('blocked_at', 'is', null)\n`,
    replace: '',
    breaks: "A blocked user's tokens keep working.",
    tests: ACCOUNTS,
  },
  {
    name: 'named-token-without-scopes',
    file: `${SRC}/users/api-tokens.ts`,
    find: `limits: { scopes, project_id } }`,
    replace: `limits: { scopes: null, project_id } }`,
    breaks: 'The scopes of a named token are not looked up.',
    tests: ACCOUNTS,
  },
  {
    name: 'revoke-tokens-of-others',
    file: `${SRC}/users/named-tokens.ts`,
    find: `      .where('user_id', '=', user.id)\n      .returning`,
    replace: `      .returning`,
    breaks: "A user can revoke other users' tokens.",
    tests: ACCOUNTS,
  },
  {
    name: 'expired-session',
    file: `${SRC}/users/sessions.ts`,
    find: `    .where('expires_at', '>', now)\n    .where('blocked_at'`,
    replace: `    .where('blocked_at'`,
    breaks: 'A session never expires.',
    tests: ACCOUNTS,
  },
  {
    name: 'session-of-blocked-user',
    file: `${SRC}/users/sessions.ts`,
    find: `    .where('blocked_at', 'is', null)\n`,
    replace: '',
    breaks: 'A blocked user stays logged in.',
    tests: ACCOUNTS,
  },
  {
    name: 'sessions-survive-new-password',
    file: `${SRC}/users/change-user.ts`,
    find: `    await closeSessions(tx, user.id, { but: keep })\n`,
    replace: '',
    breaks: "A new password does not end the user's other sessions.",
    tests: ACCOUNTS,
  },
  {
    name: 'login-link-for-ever',
    file: `${SRC}/logins/login-links.ts`,
    find: `    .where('expires_at', '>', now)\n`,
    replace: '',
    breaks: 'A login link never expires.',
    tests: ACCOUNTS,
  },
  {
    name: 'project-of-token-unchecked',
    file: `${FRONTEND}/http/in-project.ts`,
    find: `  requireOfToken(user, { access: 'user', project_id: project.id })\n`,
    replace: '',
    breaks: 'A token for one project can read another project that the path names.',
    tests: MATRIX,
  },
]
