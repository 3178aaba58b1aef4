import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run, runOrThrow } from '@copr/process/run'
import { missingPrograms } from '@copr/testkit/system/requirements'
import { writeExtraFiles } from '../own-packages.ts'

const missing = missingPrograms(process.env['PATH'] ?? '', ['rpm'])
/** The reason to skip tests of macros on this machine, or false. */
export const skip = missing.length > 0 ? 'needs rpm' : false

/** The macro files of rpm itself, in the order in which rpm reads them. */
const RPM_MACROS = [
  '/usr/lib/rpm/macros',
  '/usr/lib/rpm/macros.d/macros.*',
  '/usr/lib/rpm/platform/%{_target}/macros',
]

/** The macros of the mini distribution, written to a temporary directory. */
export interface MacroFixture extends AsyncDisposable {
  dir: string
  /** Returns the expansion of a text, which may itself define macros. */
  expand(text: string, defines?: Record<string, string>): Promise<string>
}

export async function macroFixture(): Promise<MacroFixture> {
  const dir = await mkdtemp(join(tmpdir(), 'copr-macros-'))
  const perl = await run('perl', ['-e', 'printf "%vd", $^V'])
  const release = {
    id: 'debian',
    version: '12',
    python: '3.11',
    automake: '1.16',
    rpm: '4.18',
    lua: '5.4',
    ruby: '3.1',
  }
  await writeExtraFiles(dir, { ...release, perl: perl.ok ? perl.output : '5.36.0' })
  const macros = [...RPM_MACROS, join(dir, 'etc/rpm/macros.*')].join(':')
  return {
    dir,
    async expand(text, defines = {}) {
      const all = { _copr_mini_dir: join(dir, 'usr/lib/rpm/copr-mini'), ...defines }
      const args = Object.entries(all).flatMap(([name, body]) => ['--define', `${name} ${body}`])
      return (await runOrThrow('rpm', [`--macros=${macros}`, ...args, '--eval', text])).trim()
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true }),
  }
}
