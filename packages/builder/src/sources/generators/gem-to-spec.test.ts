import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run, runOrThrow } from '@copr/process/run'
import { type GemProject, makeGem } from '@copr/testkit/sources/gem'
import { RECORDED_GEMS } from '../../testing/gem2rpm/recorded-gems.ts'

const GENERATOR = fileURLToPath(new URL('gem-to-spec.rb', import.meta.url))
const found = await run('sh', ['-c', 'command -v ruby gem'])
const skip = !found.ok && 'needs ruby'

/** Returns the spec that the generator writes for a gem. */
async function specOf(project: GemProject): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'gem-to-spec-'))
  try {
    const gem = await makeGem(project, dir)
    const spec = join(dir, 'gem.spec')
    await runOrThrow('ruby', [GENERATOR, gem, spec, 'https://gems.example.org'])
    return await readFile(spec, 'utf8')
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/**
 * Returns the lines of a spec that rpm acts on, and the requirements that are commented out. Omits the changelog, because it contains the
 * date.
 */
function effectiveLines(spec: string): string[] {
  return spec
    .replaceAll(/\\\n\s*/g, '')
    .replace(/^%changelog[^]*/m, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && (!line.startsWith('#') || line.includes('Requires:')))
}

for (const project of RECORDED_GEMS)
  test(`the spec of ${project.name} does the same as that of gem2rpm`, { skip }, async () => {
    const file = new URL(`../../testing/gem2rpm/${project.name}.expected`, import.meta.url)
    const recorded = (await readFile(file, 'utf8')).trim().split('\n')
    assert.deepEqual(effectiveLines(await specOf(project)), recorded)
  })

test(
  'text from the metadata of a gem adds no tag, section or macro to its spec',
  { skip },
  async () => {
    const files = { 'lib/a.rb': '', 'odd file*.txt': '', '%{lua:x}': '' }
    const spec = await specOf({
      name: 'hostile',
      version: '1.0',
      files,
      settings: [
        String.raw`s.summary = "One\nRequires: two %(touch /tmp/x)"`,
        String.raw`s.description = "100% true\n%prep\n%if 1\n  %%files\nEnd"`,
        String.raw`s.licenses = ["MIT\nProvides: x"]`,
        "s.homepage = 'https://example.org/%{name}'",
      ],
    })
    const expand = [
      '-q',
      '--specfile',
      '--qf',
      '[%{REQUIRES}\\n][%{PROVIDES}\\n]%{SUMMARY}|%{LICENSE}|%{URL}\\n%{DESCRIPTION}\\n---\\n',
    ]
    const dir = await mkdtemp(join(tmpdir(), 'gem-spec-'))
    try {
      const path = join(dir, 'hostile.spec')
      await runOrThrow('sh', ['-c', 'cat >"$1"', 'sh', path], { input: spec })
      const printed = await runOrThrow('rpm', [...expand, path], { answer_only: true })
      const [main = ''] = printed.split('---\n')
      assert.match(
        main,
        /^One Requires: two %\(touch \/tmp\/x\)\|MIT Provides: x\|https:\/\/example\.org\/%\{name\}$/m,
      )
      assert.match(main, /^100% true\n- %prep\n- %if 1\n- %%files\nEnd\.$/m)
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
    assert.match(spec, /^"%\{gem_instdir\}\/odd file\?\.txt"$/m)
  },
)
