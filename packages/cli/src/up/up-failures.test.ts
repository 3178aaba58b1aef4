import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test, type TestContext } from 'node:test'
import { machineFaults } from '@copr/builder/check-machine'
import { freePort } from '@copr/domain/database/embedded-postgres'
import { run } from '@copr/process/run'
import { COMPILE_CACHE } from '@copr/testkit/compile-cache'
import { layout, prepareDataDir } from './data-dir.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const isRoot = process.getuid?.() === 0
const faults = await machineFaults({ programs: ['createrepo_c', 'rpmbuild'] })
const skip = faults.length > 0 ? faults.join('; ') : false

interface Attempt {
  args: string[]
  /** A command prefix that runs `coprctl` with other privileges or on another file system. */
  prefix?: string[]
  env?: Record<string, string>
}

/** Runs `coprctl up`, which must fail to start; returns its error message, which is one sentence. */
async function failingStart({ args, prefix = [], env = {} }: Attempt): Promise<string> {
  const [program = '', ...rest] = [...prefix, process.execPath, MAIN, 'up', '--no-example', ...args]
  const ended = await run(program, rest, { env: { ...COMPILE_CACHE, ...env }, timeout_ms: 120_000 })
  assert.ok(!ended.ok)
  assert.equal(ended.exit_code, 1, ended.output)
  const said = ended.output.split('\n').filter((line) => line.startsWith('coprctl: '))
  assert.equal(said.length, 1, ended.output)
  const [sentence = ''] = said
  assert.ok(ended.output.trimEnd().endsWith(sentence), `more follows: ${ended.output}`)
  assert.doesNotMatch(ended.output, /^ {4}at /m, 'no stack trace')
  return sentence.replace('coprctl: ', '')
}

/** Returns the path of a data folder that does not exist yet. */
function emptyDataDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'copr-up-failures-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return join(dir, 'data')
}

async function listen(t: TestContext, host: string): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

test('`up` reports that a port is in use, and by which program', { skip }, async (t) => {
  const dir = emptyDataDir(t)
  const port = await listen(t, '0.0.0.0')
  assert.equal(
    await failingStart({ args: ['--data-dir', dir, '--port', String(port)] }),
    `Cannot listen at 127.0.0.1:${port}: the port is in use by node (process ${process.pid}); stop it, or choose another port with --port`,
  )
  assert.ok(!existsSync(dir))
})

test('`up` reports that the machine does not have the given address', { skip }, async (t) => {
  const dir = emptyDataDir(t)
  // An address reserved for documentation (RFC 5737).
  const args = ['--data-dir', dir, '--port', String(await freePort()), '--host', '192.0.2.1']
  assert.match(
    await failingStart({ args }),
    /^Cannot listen at 192\.0\.2\.1:\d+: this machine has no such address; "ip address" lists those for --host$/,
  )
  assert.ok(!existsSync(dir))
})

test('`up` refuses a port to which browsers do not connect', { skip }, async (t) => {
  const dir = emptyDataDir(t)
  assert.equal(
    await failingStart({ args: ['--data-dir', dir, '--port', '5061'] }),
    'Cannot listen at 127.0.0.1:5061: browsers and builders refuse to connect to this port, which another protocol uses; choose another port with --port',
  )
  assert.ok(!existsSync(dir))
})

test('PostgreSQL and keygen use other ports if their default ports are in use', async (t) => {
  const paths = layout(emptyDataDir(t))
  const options = { port: 5000, host: '127.0.0.1', public_url: undefined, builders: 1 }
  const { postgres, config } = await prepareDataDir(paths, options)
  const taken = [postgres.port, Number(new URL(config.keygen.url).port)]
  for (const port of taken) {
    const server = createServer().listen(port, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
  }
  const again = await prepareDataDir(paths, options)
  const now = [again.postgres.port, Number(new URL(again.config.keygen.url).port)]
  assert.deepEqual(new Set([...taken, ...now]).size, 4)
  assert.ok(again.config.database_url.includes(`:${now[0]}/`))
})

/**
 * A command prefix that runs a program as another user, who can nevertheless read a checkout in a home directory that is closed to others.
 */
const AS_NOBODY = [
  'setpriv',
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--securebits=+no_setuid_fixup',
  '--inh-caps=-all,+dac_read_search',
  '--ambient-caps=-all,+dac_read_search',
]

test('`up` explains to users other than root why it needs root', async (t) => {
  const dir = emptyDataDir(t)
  const said = await failingStart({
    args: ['--data-dir', dir],
    prefix: isRoot ? AS_NOBODY : [],
  })
  assert.match(
    said,
    /^Cannot start as the user \S+: only root can create mounts and namespaces, .*; run it as root, for example "sudo make up"$/,
  )
  assert.ok(!existsSync(dir))
})

test(
  '`up` reports that namespaces are forbidden before it writes anything',
  { skip },
  async (t) => {
    const dir = emptyDataDir(t)
    const prefix = ['setpriv', '--bounding-set', '-sys_admin']
    assert.match(
      await failingStart({ args: ['--data-dir', dir], prefix }),
      /^Cannot build on this machine: Cannot create mount namespaces .* CAP_SYS_ADMIN: start it /,
    )
    assert.ok(!existsSync(dir))
  },
)

test('`up` names missing programs and their packages', { skip }, async (t) => {
  const dir = emptyDataDir(t)
  const bin = join(dir, '..', 'bin')
  mkdirSync(bin)
  const isMissing = (name: string): boolean => ['createrepo_c', 'git'].includes(name)
  for (const folder of ['/usr/sbin', '/usr/bin', '/sbin', '/bin'])
    for (const name of readdirSync(folder))
      if (!isMissing(name) && !existsSync(join(bin, name)))
        symlinkSync(join(folder, name), join(bin, name))
  assert.match(
    await failingStart({ args: ['--data-dir', dir], env: { PATH: bin } }),
    /^Cannot build on this machine: Programs are missing: git, createrepo_c; run "(apt-get install git createrepo-c|dnf install git-core createrepo_c)"$/,
  )
  assert.ok(!existsSync(dir))
})

test('`up` refuses a data folder that is a file', { skip }, async (t) => {
  const dir = emptyDataDir(t)
  writeFileSync(dir, 'something else')
  assert.equal(
    await failingStart({ args: ['--data-dir', join(dir, 'below')] }),
    `Cannot use ${dir}/below: ${dir} is not a folder; choose another folder with --data-dir`,
  )
})

/** Returns a command prefix that runs a start on a tmpfs with these mount options, and fails if the start leaves any files. */
const onFileSystem = (dir: string, mountOptions: string, prepare = 'true'): string[] => [
  'unshare',
  '--mount',
  '--propagation',
  'private',
  'sh',
  '-c',
  `set -e
mkdir -p "$1"
mount -t tmpfs -o "$2" tmpfs "$1"
cd "$1"
${prepare}
before=$(ls -A)
shift 2
cd /
code=0
"$@" || code=$?
cd "$OLDPWD"
[ "$(ls -A)" = "$before" ] || { echo "left behind: $(ls -A)"; code=99; }
exit $code`,
  'sh',
  dir,
  mountOptions,
]

test('`up` refuses a file system that is mounted read-only', { skip }, async (t) => {
  const dir = emptyDataDir(t)
  const prefix = onFileSystem(dir, 'size=2g', 'mount -o remount,ro "$1"')
  assert.equal(
    await failingStart({ args: ['--data-dir', join(dir, 'copr')], prefix }),
    `Cannot use ${dir}/copr: the file system of ${dir} is mounted read-only; choose another folder with --data-dir`,
  )
})

test(
  'the first start reports how much space it needs and how much is free',
  { skip },
  async (t) => {
    const dir = emptyDataDir(t)
    const args = ['--data-dir', join(dir, 'copr'), '--port', String(await freePort())]
    assert.equal(
      await failingStart({ args, prefix: onFileSystem(dir, 'size=300m') }),
      `Cannot start: the first start needs 1.00 GB for ${dir}/copr, and its file system has 0.31 GB free; free some space, or choose another folder with --data-dir`,
    )
  },
)

test('later starts need less space', { skip }, async (t) => {
  const dir = emptyDataDir(t)
  const args = ['--data-dir', dir, '--port', String(await freePort())]
  assert.match(
    await failingStart({ args, prefix: onFileSystem(dir, 'size=4m', 'touch copr.yaml') }),
    /^Cannot start: a start needs 0\.05 GB for .*, and its file system has 0\.00 GB free;/,
  )
})

test(
  '`up` reports that the disk fills up while the database is created, and leaves nothing running',
  { skip },
  async (t) => {
    const dir = emptyDataDir(t)
    const args = ['--data-dir', join(dir, 'copr'), '--port', String(await freePort())]
    // There is enough space, but there are too few inodes for the files of initdb.
    const prefix = onFileSystem(dir, 'size=2g,nr_inodes=300', 'mkdir copr')
    assert.match(
      await failingStart({ args, prefix }),
      /^Cannot continue: the file system of .* is full \(free now: 2\.\d\d GB and \d+ of 300 inodes\); free some space and start again, or choose another folder with --data-dir$/,
    )
  },
)

test(
  '`up` refuses a configuration of a newer version, and names the unknown keys',
  { skip },
  async (t) => {
    const dir = emptyDataDir(t)
    const paths = layout(dir)
    const port = await freePort()
    await prepareDataDir(paths, { port, host: '127.0.0.1', public_url: undefined, builders: 1 })
    appendFileSync(paths.config, 'tea: green\n')
    assert.equal(
      await failingStart({ args: ['--data-dir', dir, '--port', String(port)] }),
      `Cannot use the configuration file ${paths.config}: unknown keys in this version: tea; remove them, or start the newer version that wrote them`,
    )
  },
)
