import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run } from '@copr/process/run'
import { missingPrograms } from '../src/programs.ts'
import { fixture, skip as noBuilds, specOf, useFixture } from '../src/testing/engine-suite.ts'
import { projectRepository } from '../src/testing/project-repository.ts'
import { pathsUsed, redirectable, STRACE_OPTIONS } from '../src/sandbox/escape/trace.ts'

useFixture()

const BUILD = fileURLToPath(new URL('../src/testing/killable-build.ts', import.meta.url))
const skip =
  noBuilds ||
  (missingPrograms(['strace']).length > 0 && 'strace, which traces the agent, is missing')

/** Runs a command under strace; returns its output and the trace. */
async function traced(command: string[]): Promise<{ output: string; trace: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'copr-trace-'))
  try {
    const file = join(dir, 'trace')
    const { output } = await run('strace', [...STRACE_OPTIONS, '-o', file, ...command])
    return { output, trace: await readFile(file, 'utf8') }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

test('the agent uses no path that a build could redirect', { skip }, async () => {
  const { repos, addWithScriptlets } = await projectRepository('traced')
  await addWithScriptlets('traced', '%post\ntouch /usr/share/by-scriptlet')
  const head = 'BuildRequires: traced, (nosuchthing or popt-devel >= 1), (zlib-devel if make)'
  const spec = specOf({ head, check: 'ls /usr/include/popt.h' }).replace(
    '%build',
    '%generate_buildrequires\necho zlib-devel\n%build',
  )
  const task = await fixture.task(spec, { repos })
  const scratch = join(fixture.dir, 'traced-scratch')
  const { output, trace } = await traced([
    process.execPath,
    BUILD,
    JSON.stringify(task),
    scratch,
    fixture.cacheDir,
  ])
  assert.match(output, /Build succeeded/)
  assert.ok(pathsUsed(trace).some(({ call }) => call === 'open_tree'))
  assert.deepEqual(redirectable(trace), [])
  // The same trace with one more line, to verify that paths in the directories of builds are found.
  const builddir = /open_tree\([^"]*"([^"]*\/builddir)"/.exec(trace)?.[1] ?? ''
  const read = `1 openat(AT_FDCWD</>, "${builddir}/build/RPMS/probe.rpm", O_RDONLY) = 3`
  assert.deepEqual(
    redirectable(`${trace}${read}\n`).map(({ path }) => path),
    [`${builddir}/build/RPMS/probe.rpm`],
  )
})

test('the path check detects commands that use redirectable paths', { skip }, async () => {
  const layer = join(fixture.dir, 'layers/family/variant/upper')
  await mkdir(join(layer, 'etc'), { recursive: true })
  await writeFile(join(layer, 'etc/file'), 'text')
  const file = join(layer, 'etc/file')
  const python = (program: string): string[] => ['/usr/bin/python3', '-S', '-c', program, file]
  const redirected: string[][] = [
    ['cat', file],
    ['stat', file],
    ['sh', '-c', `cd ${layer} && cat etc/file`],
    python("import os, sys; os.open('etc/file', 0, dir_fd=os.open(sys.argv[1] + '/../..', 0))"),
    python(
      "import os, sys; os.rename(sys.argv[1], sys.argv[1] + '2'); os.rename(sys.argv[1] + '2', sys.argv[1])",
    ),
    python("import os, sys; fd = os.open('/etc', os.O_PATH); open(f'/proc/self/fd/{fd}/hostname')"),
    // Only the child `unshare` enters a user namespace; `cat` runs outside of it.
    ['sh', '-c', `unshare --user --map-root-user true; cat ${file}`],
  ]
  for (const command of redirected) {
    const { output, trace } = await traced(command)
    assert.notDeepEqual(redirectable(trace), [], `${command.join(' ')}: ${output}`)
  }
  const harmless: string[][] = [
    ['unshare', '--user', '--map-root-user', 'cat', file],
    ['unshare', '--user', '--map-root-user', '--pid', '--fork', 'sh', '-c', `cat ${file}; true`],
    ['ls', join(layer, '..')],
    python(
      "import os, sys; fd = os.open('/etc', os.O_PATH); os.open(f'/proc/self/fd/{fd}/passwd', os.O_NOFOLLOW)",
    ),
    ['rm', '-rf', layer],
  ]
  for (const command of harmless) {
    const { output, trace } = await traced(command)
    assert.deepEqual(redirectable(trace), [], `${command.join(' ')}: ${output}`)
    assert.ok(trace.includes('execve('), output)
  }
})
