/** Scopes of named tokens; the classic token has all of them. Reading public data needs no token. */
export const TOKEN_SCOPES = {
  read: 'see what only you may see: who you are, permissions',
  build: 'submit, rebuild and cancel builds',
  edit: 'change packages, chroots and settings of projects, delete builds',
  admin:
    'create, fork and delete projects; with build, make webhook secrets; with build and edit, give permissions',
} as const satisfies Record<string, string>

export type TokenScope = keyof typeof TOKEN_SCOPES
