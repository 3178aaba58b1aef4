import { UrlBuild } from '@copr/contract/api/builds'
import { EditProjectChroot } from '@copr/contract/api/chroots'
import { PackageSettings } from '@copr/contract/api/packages'
import { SetPermissions } from '@copr/contract/api/permissions'
import { AddProject } from '@copr/contract/api/projects'
import { EnrollRequest, FinishRequest } from '@copr/contract/builder-protocol'
import { CoprError } from '@copr/process/errors'
import { parseForm } from '../../../packages/frontend/src/http/read-form.ts'
import { mutateList, pick, type Random } from '../mutate.ts'
import { type FuzzTarget, refusing } from '../target.ts'
import { requireClean, sendForm } from './request.ts'

const WORDS = [
  'name',
  'chroots',
  'source_type',
  'json',
  '__proto__',
  'kinds',
  'outcome',
  'succeeded',
  'files',
  'branch_commits',
  'a\u0000b',
  '\ud800',
  '1e999',
  '-0',
  '9007199254740993',
]
const SCHEMAS = [AddProject, EditProjectChroot, UrlBuild, PackageSettings, SetPermissions]
const PROTOCOL = [EnrollRequest, FinishRequest]

function value(random: Random, depth: number): unknown {
  const more = depth < 6 ? 8 : 6
  switch (random(more)) {
    case 0:
      return null
    case 1:
      return random(2) === 0
    case 2:
      return pick([0, -1, 1.5, 1e308, 2 ** 53, random(1000)], random)
    case 3:
      return pick(WORDS, random)
    case 4:
      return pick(WORDS, random).repeat(random(100))
    case 5:
      return [pick(WORDS, random)]
    case 6:
      return Array.from({ length: random(6) }, () => value(random, depth + 1))
    default:
      return Object.fromEntries(
        Array.from({ length: random(6) }, () => [pick(WORDS, random), value(random, depth + 1)]),
      )
  }
}

/** Replaces a value somewhere in the tree. */
function changed(tree: unknown, random: Random, depth = 0): unknown {
  if (random(4) === 0 || depth > 20) return value(random, 0)
  if (Array.isArray(tree)) {
    if (random(2) === 0 || tree.length === 0)
      return mutateList<unknown>(tree, random, () => value(random, 1))
    const at = random(tree.length)
    return tree.with(at, changed(tree[at], random, depth + 1))
  }
  if (typeof tree !== 'object' || tree === null) return value(random, 1)
  const entries = Object.entries(tree)
  if (random(2) === 0 || entries.length === 0)
    return Object.fromEntries([...entries, [pick(WORDS, random), value(random, 1)]])
  const [key, old] = pick(entries, random)
  return { ...tree, [key]: changed(old, random, depth + 1) }
}

/** Bodies of API requests, and messages of builders. */
export const json: FuzzTarget = {
  name: 'json',
  words: [...WORDS, '{', '}', '[', ']', ',', ':', String.raw`\u0000`, String.raw`\ud800`],
  seeds: () =>
    [
      { name: 'telescope', chroots: ['fedora-43-x86_64'], description: 'x', auto_prune: true },
      { pkgs: ['https://example.org/a.src.rpm'], chroots: [], timeout: 100, background: false },
      { enroll_token: 'x'.repeat(43), name: 'a', kinds: ['rpm'], arches: ['x86_64'], tags: [] },
      { outcome: 'succeeded', files: [{ name: 'a.rpm', size: 1, sha256: 'a'.repeat(64) }] },
      { dana: { admin: 'approved', builder: 'request' } },
    ].map((each) => Buffer.from(JSON.stringify(each))),
  mutate: (input, random) => {
    try {
      return Buffer.from(JSON.stringify(changed(JSON.parse(input.toString('utf8')), random)) ?? '')
    } catch {
      return undefined
    }
  },
  run: async (input) => {
    await refusing(async () => {
      const read = await sendForm('application/json', input)
      requireClean(read)
      for (const schema of SCHEMAS) await refusing(() => void parseForm(schema, read), CoprError)
      for (const schema of PROTOCOL) schema.safeParse(read)
    }, CoprError)
  },
}
