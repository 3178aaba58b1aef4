import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { run } from '@copr/process/run'

const TOP = join(import.meta.dirname, '..')
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
const skip =
  (process.getuid?.() !== 0 && 'needs root: it gives up its rights, and takes the network away') ||
  ((await run('apt-get', ['--version']).catch(() => ({ ok: false }))).ok ? false : 'needs apt-get')

const scratch = mkdtempSync(join(tmpdir(), 'copr-packages-'))
chmodSync(scratch, 0o755)
after(() => rmSync(scratch, { recursive: true, force: true }))

test('install-system-packages.sh names the command that needs root', { skip }, async () => {
  const { ok, output } = await install(NOBODY)
  assert.equal(ok, false)
  assert.match(
    output,
    /^Packages are missing, and installing them needs root\. Run once: sudo apt-get install .*\bcreaterepo-c\b.*\n$/,
  )
})

test(
  'install-system-packages.sh shows the error of apt and says what to check',
  { skip },
  async () => {
    const lists = join(scratch, 'state/lists')
    mkdirSync(join(lists, 'partial'), { recursive: true })
    const config = join(scratch, 'apt.conf')
    writeFileSync(
      config,
      `Dir::State "${scratch}/state";\nDir::State::Status "/dev/null";\nAcquire::Retries "0";\n`,
    )
    const { ok, output } = await install(['unshare', '--net', 'env', `APT_CONFIG=${config}`])
    assert.equal(ok, false)
    assert.match(output, /\nE: /)
    assert.match(
      output,
      /\nCannot install .*createrepo-c.*: the reason is above\. Check the network.*run make again\.\n$/,
    )
  },
)

test('make up reports what needs root and why, before it changes anything', { skip }, async () => {
  const [command, ...args] = [...NOBODY, 'make', '--silent', '-f', '-', 'up']
  const input = readFileSync(join(TOP, 'Makefile'), 'utf8')
  const { ok, output } = await run(command, args, { cwd: scratch, input })
  assert.equal(ok, false)
  assert.match(output, /^make up needs root: it creates namespaces.* Run: sudo make up\n/)
})

/** Runs the script as on a machine without createrepo_c. */
async function install(prefix: string[]): Promise<{ ok: boolean; output: string }> {
  const bin = mkdtempSync(join(scratch, 'bin-'))
  chmodSync(bin, 0o755)
  for (const tool of TOOLS) symlinkSync(`/usr/bin/${tool}`, join(bin, tool))
  const script = readFileSync(join(TOP, 'tools/install-system-packages.sh'), 'utf8')
  const path = [`PATH=${bin}`, '/bin/sh', '-s']
  const [command = '', ...args] = [...prefix, 'env', ...path]
  return await run(command, args, { input: script })
}

/** Programs that the script and apt call. */
const TOOLS = ['apt-get', 'cat', 'dpkg', 'grep', 'id', 'ls', 'mktemp', 'rm', 'sh', 'sort']
