import { Command } from 'commander'
import { QUOTA_KINDS, type QuotaKind, SIZE_KINDS } from '@copr/contract/quota-kinds'
import {
  listQuotas,
  type QuotaSubject,
  type QuotaValues,
  resetQuota,
  setQuota,
} from '@copr/domain/quotas/change-quota'
import { quotaOfOwner, quotaOfProject, type QuotaRow } from '@copr/domain/quotas/quota-report'
import { requireUserNamed } from '@copr/domain/users/user-queries'
import { findGroup } from '@copr/domain/groups/group-queries'
import { CoprError } from '@copr/process/errors'
import { formatBytes } from '@copr/process/format-bytes'
import { administer, type Answer, type Io, type Task } from './administer.ts'
import { requireProject } from './require-project.ts'
import { subcommands } from './subcommands.ts'

/** The command-line option for each kind of quota, with its description. */
const OPTIONS: Record<QuotaKind, [name: string, summary: string]> = {
  storage_bytes: ['storage', 'size of all results, SRPMs and sources: 500M, 20G, 1.5T or none'],
  running_builds: ['running', 'tasks that run at a time: a number or none'],
  queued_builds: ['queued', 'tasks that wait: a number or none'],
  upload_bytes: ['upload', 'size of one SRPM: 500M, 2G'],
  unpacked_bytes: ['unpacked', 'size of the contents of one SRPM: 500M, 20G'],
}

const BYTE_KINDS: readonly QuotaKind[] = ['storage_bytes', ...SIZE_KINDS]

/** `coprctl quota` shows and changes the quotas of users, groups and projects. */
export function quotaCommand(io: Io): Command {
  const quota = new Command('quota')
    .summary('show and set quotas of users, groups and projects')
    .description(
      'Quotas of users, groups and projects. NAME is a user, @GROUP, or OWNER/PROJECT; sizes are in binary units (1G is 1024M).',
    )
  const sub = subcommands(quota)

  administer(sub('list', 'list the quotas that are set'), io, async ({ db }) => ({
    value: (await listQuotas(db)).map(({ subject, kind, max }) => ({
      name: subject,
      quota: OPTIONS[kind][0],
      limit: max === null ? 'none' : textOf(kind, max),
    })),
  }))

  administer(sub('show <name>', 'show what a name uses, and its quotas'), io, show)

  const set = sub('set <name>', 'set quotas; those that are not named stay as they are')
  const reset = sub('reset <name>', 'apply the configured limits again: the named ones, or all')
  for (const [option, summary] of Object.values(OPTIONS)) {
    set.option(`--${option} <value>`, summary)
    reset.option(`--${option}`, `the limit of ${summary.replace(/:.*/, '')}`)
  }

  administer<Record<string, string>>(set, io, async (task, [name = ''], options) => {
    const values = valuesOf(options)
    if (Object.keys(values).length === 0)
      throw new CoprError('invalid', `Cannot set a quota: name one of ${optionNames()}`)
    const { db, actor, now } = task
    await setQuota(db, actor, { subject: await subjectOf(task, name), values, now })
    return await changed(task, name, 'Set')
  })

  administer<Record<string, boolean>>(reset, io, async (task, [name = ''], options) => {
    const named = QUOTA_KINDS.filter((kind) => options[OPTIONS[kind][0]])
    const kinds = named.length === 0 ? QUOTA_KINDS : named
    const { db, actor, now } = task
    await resetQuota(db, actor, { subject: await subjectOf(task, name), kinds, now })
    return await changed(task, name, 'Reset')
  })
  return quota
}

async function show(task: Task, [name = '']: string[]): Promise<Answer> {
  const { db, config } = task
  const subject = await subjectOf(task, name)
  const { rows } =
    'project' in subject
      ? await quotaOfProject(db, subject.project, config.limits)
      : await quotaOfOwner(db, subject.ownername, config.limits)
  return { value: rows.map(presentRow) }
}

async function changed(task: Task, name: string, verb: string): Promise<Answer> {
  return { ...(await show(task, [name])), words: `${verb} quotas of ${name}` }
}

function presentRow({ kind, used, max, is_set }: QuotaRow): object {
  return {
    quota: OPTIONS[kind][0],
    used: used === null ? null : textOf(kind, used),
    limit: max === null ? 'none' : textOf(kind, max),
    from: is_set ? 'set' : 'configuration',
  }
}

/** Finds the user, group or project; throws if it does not exist. */
async function subjectOf({ db }: Task, name: string): Promise<QuotaSubject> {
  if (name.includes('/')) return { project: await requireProject(db, name) }
  if (!name.startsWith('@')) await requireUserNamed(db, name)
  else if (!(await findGroup(db, name.slice(1))))
    throw new CoprError('not_found', `Group ${name} does not exist`)
  return { ownername: name }
}

function valuesOf(options: Record<string, string>): QuotaValues {
  const values: QuotaValues = {}
  for (const kind of QUOTA_KINDS) {
    const [option] = OPTIONS[kind]
    const text = options[option]
    if (text === undefined) continue
    values[kind] = text === 'none' ? null : valueOf(kind, text)
  }
  return values
}

const UNITS = ['', 'K', 'M', 'G', 'T']

/** Parses a number, or a size with a binary unit: `500M`, `1.5GiB`. */
function valueOf(kind: QuotaKind, text: string): number {
  const isSize = BYTE_KINDS.includes(kind)
  const [, number = '', unit = ''] =
    (isSize ? /^(\d{1,15}(?:\.\d{1,6})?)([KMGT]?)(?:iB|B)?$/i : /^(\d{1,15})()$/).exec(text) ?? []
  if (number === '')
    throw new CoprError(
      'invalid',
      `Cannot set --${OPTIONS[kind][0]}: expected ${isSize ? 'a size such as 20G' : 'a number'}, received ${JSON.stringify(text.slice(0, 50))}`,
    )
  return Math.round(Number(number) * 1024 ** UNITS.indexOf(unit.toUpperCase()))
}

function textOf(kind: QuotaKind, value: number): string {
  return BYTE_KINDS.includes(kind) ? formatBytes(value) : String(value)
}

function optionNames(): string {
  return Object.values(OPTIONS)
    .map(([option]) => `--${option}`)
    .join(', ')
}
