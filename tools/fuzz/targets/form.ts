import { AddProject, EditProject } from '@copr/contract/api/projects'
import { UrlBuild } from '@copr/contract/api/builds'
import { CoprError } from '@copr/process/errors'
import { mutateList, pick, type Random } from '../mutate.ts'
import { requireClean, sendForm } from './request.ts'
import { parseForm } from '../../../packages/frontend/src/http/read-form.ts'
import { type FuzzTarget, refusing } from '../target.ts'

const WORDS = [
  'name',
  'chroots',
  'additional_repos',
  'description',
  'pkgs',
  'projectname',
  'ownername',
  '__proto__',
  'constructor',
  'delete_after_days',
  'fedora-43-x86_64',
  'https://example.org/$chroot/?priority=1',
  'copr://dana/telescope',
  'on',
  '%00',
  '%ff%fe',
  '%',
  '+',
  '&',
  '=',
  '\u{1f52d}',
]

const piece = (random: Random): string =>
  random(3) === 0 ? encodeURIComponent(pick(WORDS, random)) : pick(WORDS, random)

/** Bodies of HTML forms, parsed with the schemas of most of the forms on the site. */
export const form: FuzzTarget = {
  name: 'form',
  words: WORDS,
  seeds: () => [
    Buffer.from('a=&a=&b'),
    Buffer.from(
      'name=telescope&chroots=fedora-43-x86_64&chroots=debian-12-x86_64&description=a+b%20c',
    ),
    Buffer.from(
      'pkgs=https%3A%2F%2Fexample.org%2Fa.src.rpm&projectname=telescope&ownername=dana&timeout=100',
    ),
    Buffer.from(
      'additional_repos=copr%3A%2F%2Fdana%2Ftelescope+https%3A%2F%2Fexample.org%2F&auto_prune=on',
    ),
  ],
  mutate: (input, random) => {
    const pairs = input.toString('latin1').split('&')
    const changed = mutateList(pairs, random, () => `${piece(random)}=${piece(random)}`)
    return Buffer.from(changed.join('&'), 'latin1')
  },
  run: async (input) => {
    await refusing(async () => {
      const read = await sendForm('application/x-www-form-urlencoded', input)
      requireClean(read)
      for (const schema of [AddProject, EditProject, UrlBuild])
        await refusing(() => void parseForm(schema, read), CoprError)
    }, CoprError)
  },
}
