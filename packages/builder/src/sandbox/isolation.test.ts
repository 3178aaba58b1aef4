import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runSandboxed } from './sandbox.ts'
import {
  build,
  fixture,
  probe,
  reasonOf,
  skip,
  specOf,
  useFixture,
} from '../testing/engine-suite.ts'

useFixture()

test('a build can see nothing of the host', { skip }, async () => {
  process.env['COPR_TEST_SECRET'] = 'secret'
  const says = await probe(`
id -un
hostname
env | grep -c SECRET
ls -A /tmp /var/tmp /home | grep -v rpm-tmp | tr '\\n' ' '; echo
ls -d /proc/[0-9]* | wc -l
tr '\\0' ' ' </proc/1/cmdline | grep -c ${fixture.dir}
grep -c copr-test-cache/distro /proc/self/mountinfo
grep -E 'CapEff|NoNewPrivs' /proc/self/status | tr -s '\\t' ' '
tail -n +3 /proc/net/dev | sed 's/:.*//' | tr -d ' '
[ /proc/1/root -ef / ] && echo kept || echo escaped
echo 1 >/proc/sys/kernel/panic && echo written || echo refused
echo 1 >/etc/new && echo written || echo refused
tty || true
`)
  const [user, host, secrets, leftovers, processes, ...rest] = says
  assert.deepEqual([user, host, secrets], ['mockbuild', 'builder', '0'])
  assert.equal(leftovers?.replaceAll(/\S+:/g, '').trim(), '')
  assert.ok(Number(processes) < 20, `${processes} processes`)
  assert.deepEqual(
    rest.filter((line) => !/denied|Read-only/.test(line)),
    [
      '0',
      '0',
      'CapEff: 0000000000000000',
      'NoNewPrivs: 1',
      'lo',
      'kept',
      'refused',
      'refused',
      'not a tty',
    ],
  )
})

test('a build has network access only if the project enables it', { skip }, async () => {
  const devices = "ls /proc/sys/net/ipv4/conf | grep -vE '^(all|default)$' | tr '\\n' ' '; echo"
  const local = "bash -c 'exec 3<>/dev/tcp/127.0.0.1/9' 2>&1 | grep -o -m1 refused"
  assert.deepEqual(await probe(`${devices}; ${local}`), ['lo ', 'refused'])
  await using host = await listenOnHost()
  const reach = `timeout 5 bash -c 'exec 3<>/dev/tcp/${host.address}/${host.port}' && echo reached || echo kept`
  const lines = await probe(`${devices}; ${reach}; cat /etc/resolv.conf`, { enable_net: true })
  assert.equal(lines[0], 'eth0 lo ')
  assert.deepEqual(
    lines.slice(1).filter((line) => !line.startsWith('bash:')),
    ['kept', 'nameserver 198.19.255.3'],
  )
})

/** Listens at an address of this machine that is not a loopback address, if it has one. */
async function listenOnHost() {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  const { address } = addresses.find(({ internal, family }) => !internal && family === 'IPv4') ?? {
    address: '127.0.0.1',
  }
  const server = createServer((socket) => socket.destroy()).listen(0, address)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { address, port, [Symbol.asyncDispose]: async () => void server.close() }
}

test('a build can use shared memory', { skip }, async () => {
  assert.deepEqual(await probe('stat -c %a /dev/shm; echo text >/dev/shm/x && cat /dev/shm/x'), [
    '1777',
    'text',
  ])
})

test('a build that has replaced its folders with links is refused', { skip }, async () => {
  const { outcome } = await build(
    await fixture.task(
      specOf({
        build:
          'mkdir /builddir/mine; rm -rf /builddir/build/RPMS; ln -s /builddir/mine /builddir/build/RPMS',
      }),
    ),
  )
  assert.match(reasonOf(outcome), /^the build replaced its RPMS folder with a link or a file$/)
})

test('a failure to set up the sandbox is a machine fault', { skip }, async () => {
  const { signal } = new AbortController()
  const dir = join(fixture.dir, 'no-sandbox')
  const root = { directory: join(dir, 'missing') }
  await assert.rejects(
    runSandboxed({ root, as: 'tools', command: ['true'], signal }),
    /Cannot set up a sandbox: .*missing/s,
  )
})

test(
  'a package installation can access its layer only through the root directory of the sandbox',
  { skip },
  async () => {
    const { signal } = new AbortController()
    const dir = join(fixture.dir, 'layer')
    const root = { layers: [join(dir, 'lower')], changes: join(dir, 'changes') }
    await mkdir(join(dir, 'lower'), { recursive: true })
    await mkdir(root.changes)
    // Acts like a scriptlet that has escaped from the chroot.
    const script =
      'touch /build/in-layer; find / -xdev -name upper -o -name changes -o -name lower 2>/dev/null'
    const { output } = await runSandboxed({
      root,
      as: 'tools',
      command: ['sh', '-c', script],
      signal,
    })
    assert.equal(output, '')
    assert.deepEqual((await readdir(root.changes)).toSorted(), ['upper', 'work'])
    assert.ok((await readdir(join(root.changes, 'upper'))).includes('in-layer'))
  },
)

test('runSandboxed() returns the exit code of the command', { skip }, async () => {
  const { signal } = new AbortController()
  const dir = join(fixture.dir, 'exit-code')
  const root = { directory: join(dir, 'root') }
  await mkdir(root.directory, { recursive: true })
  const exit = await runSandboxed({
    root,
    as: 'tools',
    command: ['sh', '-c', 'echo out; echo err >&2; exit 7'],
    signal,
  })
  assert.deepEqual(exit, { code: 7, output: 'out\nerr\n' })
})

test("a sandbox cannot change owner or mode of the host's /dev/null", { skip }, async () => {
  const { signal } = new AbortController()
  const dir = join(fixture.dir, 'no-input')
  const root = { directory: join(dir, 'root') }
  await mkdir(root.directory, { recursive: true })
  const before = await stat('/dev/null')
  const script = 'stat -L -c %F /dev/stdin; cat; chmod 600 /dev/stdin'
  const { output } = await runSandboxed({
    root,
    as: 'tools',
    command: ['sh', '-c', script],
    signal,
  })
  assert.match(output, /^character special file\n.*(?:Read-only file system|not permitted)\n$/)
  const { uid, gid, mode } = await stat('/dev/null')
  assert.deepEqual([uid, gid, mode], [before.uid, before.gid, before.mode])
})
