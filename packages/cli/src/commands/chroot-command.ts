import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { ChrootConfig } from '@copr/contract/chroot-config'
import { listAliases, setAlias } from '@copr/domain/chroots/chroot-aliases'
import type { Chroot } from '@copr/domain/chroots/chroot-queries'
import {
  addChroot,
  chrootState,
  commentChroot,
  enableChroot,
  endChroot,
  listChroots,
  pauseChroot,
} from '@copr/domain/retention/chroot-life-cycle'
import { CoprError, messageOf } from '@copr/process/errors'
import { parse } from 'yaml'
import { z } from 'zod'
import { administer, type Answer, type Io } from './administer.ts'
import { subcommands } from './subcommands.ts'

/** The commands that change the state of chroots. */
const CHANGES = [
  { name: 'enable', summary: 'enable chroots', change: enableChroot },
  {
    name: 'disable',
    summary: 'disable chroots: no new builds, all data is kept',
    change: pauseChroot,
  },
  {
    name: 'end-of-life',
    summary:
      'mark chroots as end-of-life: unfinished builds are canceled, data is deleted after 180 days',
    change: endChroot,
  },
] as const

/** `coprctl chroot` manages the chroots of the site. */
export function chrootCommand(io: Io): Command {
  const chroot = new Command('chroot')
    .summary('add, disable and retire chroots')
    .description('Chroots.')
  const sub = subcommands(chroot)

  administer(sub('list', 'list all chroots'), io, async ({ db }) => ({
    value: (await listChroots(db)).map(factsOf),
  }))

  administer(
    sub('add <file>', 'add or update the chroots described in a YAML file'),
    io,
    async ({ db, actor, now }, [file = '']) => {
      const chroots: Chroot[] = []
      for (const config of readChroots(file)) chroots.push(await addChroot(db, actor, config, now))
      return done(chroots, 'Added')
    },
  )

  for (const { name, summary, change } of CHANGES)
    administer(sub(`${name} <name...>`, summary), io, async ({ db, actor, now }, names) => {
      const chroots: Chroot[] = []
      for (const each of names) chroots.push(await change(db, actor, each, now))
      return done(chroots, { enable: 'Enabled', disable: 'Paused', 'end-of-life': 'Ended' }[name])
    })

  administer(
    sub('comment <name> <text>', 'set the comment that users see when they choose a chroot'),
    io,
    async ({ db, actor, now }, [name = '', comment = '']) =>
      done([await commentChroot(db, actor, name, { comment, now })], 'Commented'),
  )

  administer<{ remove?: boolean }>(
    sub(
      'alias [name-release] [target]',
      'serve the chroots of TARGET to dnf on another distribution; without arguments, list the aliases',
    ).option('--remove', 'remove the alias'),
    io,
    async ({ db, actor, now }, [name_release, target], { remove }) => {
      if (name_release === undefined) return { value: await listAliases(db) }
      if ((target === undefined) !== (remove ?? false))
        throw new CoprError('invalid', 'Cannot set the alias: give either a target or --remove')
      await setAlias(db, actor, { name_release, target }, now)
      const words = target === undefined ? 'is no longer an alias' : `is now served by ${target}`
      const value = { name_release, target: target ?? null }
      return { value, plain: name_release, words: `${name_release} ${words}` }
    },
  )
  return chroot
}

/** Reads one chroot or a list of chroots from a YAML or JSON file. */
function readChroots(file: string): ChrootConfig[] {
  let content: unknown
  try {
    content = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new CoprError('invalid', `Cannot read the chroots in ${file}: ${messageOf(error)}`, {
      cause: error,
    })
  }
  const parsed = z.array(ChrootConfig).safeParse(Array.isArray(content) ? content : [content])
  if (!parsed.success)
    throw new CoprError(
      'invalid',
      `Cannot use the chroots in ${file}:\n${z.prettifyError(parsed.error)}`,
    )
  return parsed.data
}

function done(chroots: Chroot[], verb: string): Answer {
  const names = chroots.map(({ name }) => name)
  return {
    value: chroots.map(factsOf),
    plain: names.join('\n'),
    words: `${verb} ${names.join(', ')}`,
  }
}

function factsOf(chroot: Chroot): object {
  const { name, comment, created_at, ended_at } = chroot
  return { name, state: chrootState(chroot), comment, since: created_at, ended: ended_at }
}
