import { UrlBuild } from '@copr/contract/api/builds'
import { EditProjectChroot } from '@copr/contract/api/chroots'
import { PackageSettings } from '@copr/contract/api/packages'
import { SetPermissions } from '@copr/contract/api/permissions'
import { AddProject } from '@copr/contract/api/projects'
import { EnrollRequest, FinishRequest } from '@copr/contract/builder-protocol'
import { CoprError } from '@copr/process/errors'
import { parseForm } from '../../../packages/frontend/src/http/read-form.ts'
import { mutateJson } from '../mutate-json.ts'
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

/** Bodies of API requests, and messages from builders. */
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
  mutate: (input, random) => mutateJson(input, random, WORDS),
  run: async (input) => {
    await refusing(async () => {
      const read = await sendForm('application/json', input)
      requireClean(read)
      for (const schema of SCHEMAS) await refusing(() => void parseForm(schema, read), CoprError)
      for (const schema of PROTOCOL) schema.safeParse(read)
    }, CoprError)
  },
}
