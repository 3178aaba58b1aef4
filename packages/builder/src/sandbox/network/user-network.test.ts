import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdir, mkdtemp, readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PrivateUrls } from '@copr/contract/private-urls'
import { addressRules } from '@copr/process/guarded/address-rules'
import { userNetworkFaults } from './network-faults.ts'
import {
  attempt,
  connectMachines,
  HOST,
  ip,
  type Machines,
  makeSandbox,
  PEER,
  PORT,
  type Sandbox,
  SLIRP_ID,
} from './testing/network-fixture.ts'
import { ADDRESSES } from './plan.ts'
import { startUserNetwork, type UserNetwork } from './user-network.ts'

const faults = process.getuid?.() === 0 ? await userNetworkFaults() : ['needs root']
const skip = faults.length > 0 && faults.join('; ')

let machines: Machines
before(async () => {
  if (!skip) machines = await connectMachines()
})
after(async () => machines?.[Symbol.asyncDispose]())

interface Connected extends AsyncDisposable {
  sandbox: Sandbox
  network: UserNetwork
}

async function connect(
  allow: PrivateUrls = false,
  name_servers_file = machines.name_servers_file,
  signal = new AbortController().signal,
): Promise<Connected> {
  await using stack = new AsyncDisposableStack()
  const sandbox = stack.use(await makeSandbox())
  const dir = await mkdtemp(join(machines.dir, 'network-'))
  const network = stack.use(
    await startUserNetwork({
      network_namespace: `/proc/${sandbox.pid}/ns/net`,
      uid: SLIRP_ID,
      gid: SLIRP_ID,
      rules: addressRules(allow),
      dir,
      name_servers_file,
      signal,
    }),
  )
  const held = stack.move()
  return { sandbox, network, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

const { ipv4, ipv6 } = ADDRESSES
const OPEN = [
  `tcp ${PEER.public4} ${PORT}`,
  `tcp ${PEER.public6} ${PORT}`,
  `dns ${ipv4.resolver} 53`,
  `dns-tcp ${ipv4.resolver} 53`,
]
/** Attempts that succeed on the machine itself. If they fail in a sandbox, only the network can be the reason. */
const OPEN_FOR_THE_MACHINE = [
  `tcp ${HOST.public4} ${PORT}`,
  `tcp ${HOST.public6} ${PORT}`,
  `tcp ::ffff:${HOST.public4} ${PORT}`,
  `tcp 127.0.0.1 ${PORT}`,
  `tcp ::1 ${PORT}`,
  `tcp 0.0.0.0 ${PORT}`,
  `tcp :: ${PORT}`,
  `tcp ::ffff:127.0.0.1 ${PORT}`,
  `udp ${HOST.public4} ${PORT}`,
  `tcp ${PEER.private10} ${PORT}`,
  `tcp ${PEER.private172} ${PORT}`,
  `tcp ${PEER.private192} ${PORT}`,
  `tcp ${PEER.shared} ${PORT}`,
  `tcp ${PEER.metadata} ${PORT}`,
  `tcp ${PEER.documentation} ${PORT}`,
  `tcp ${PEER.unique_local} ${PORT}`,
  `tcp ::ffff:${PEER.private10} ${PORT}`,
  `dns ${PEER.private10} 53`,
  `dns-tcp ${PEER.private10} 53`,
  `dns ${PEER.public4} 53`,
  `dns-tcp ${PEER.public4} 53`,
  `dns-tcp ${PEER.public6} 53`,
  `udp ${PEER.public4} ${PORT}`,
  `udp ${PEER.public6} ${PORT}`,
  `ping ${PEER.public4} 0`,
  ...ownAddresses().map((address) => `tcp ${address} ${PORT}`),
]
/** Addresses that exist only in a sandbox, or lead to the machine only through slirp4netns. */
const CLOSED_SERVICES = [
  `tcp ${ipv4.gateway} ${PORT}`,
  `tcp ${ipv4.resolver} ${PORT}`,
  `tcp ${ipv4.router} ${PORT}`,
  `udp ${ipv4.gateway} 67`,
  `udp ${ipv4.gateway} 69`,
  `dns ${ipv4.gateway} 53`,
  `tcp ${ipv6.gateway} ${PORT}`,
  `tcp ${ipv6.resolver} ${PORT}`,
  `tcp ${ipv6.router} ${PORT}`,
  `tcp 64:ff9b::${HOST.public4} ${PORT}`,
  `tcp 64:ff9b:1::${HOST.public4} ${PORT}`,
  `tcp 2002:c01f:c401::1 ${PORT}`,
  `udp 224.0.0.1 ${PORT}`,
  `udp 255.255.255.255 ${PORT}`,
  `udp ff02::1%eth0 ${PORT}`,
  `tcp ${ipv6.router_link}%eth0 ${PORT}`,
  `tcp 240.0.0.1 ${PORT}`,
]

function ownAddresses(): string[] {
  const known: string[] = [HOST.public4, HOST.public6, '127.0.0.1', '::1']
  return Object.values(networkInterfaces())
    .flatMap((one) => one ?? [])
    .filter((one) => !one.scopeid && !known.includes(one.address))
    .map((one) => one.address)
}

test(
  'a sandbox can connect to public addresses and its resolver, and to nothing else',
  { skip },
  async () => {
    await using connected = await connect()
    const { sandbox, network } = connected
    assert.equal(network.resolv_conf, `nameserver ${ipv4.resolver}\n`)
    const here = await attempt(OPEN_FOR_THE_MACHINE)
    for (const [one, result] of here) assert.equal(result, 'open', `${one} on the machine`)
    const attempts = new Set([...OPEN, ...OPEN_FOR_THE_MACHINE, ...CLOSED_SERVICES])
    const there = await attempt([...attempts], sandbox)
    for (const [one, result] of there)
      assert.equal(result === 'open', OPEN.includes(one), `${one} in a sandbox: ${result}`)
    assert.equal(there.size, attempts.size)
    assert.equal(network.lost.aborted, false)
  },
)

test('a sandbox with all capabilities cannot evade its restrictions', { skip }, async () => {
  await using connected = await connect()
  const { sandbox } = connected
  const says = await sandbox.run(['grep', 'CapEff', '/proc/self/status'])
  assert.match(says, /[1-9a-f]/, 'the sandbox has capabilities')
  const targets = [
    `tcp ${PEER.private10} ${PORT}`,
    `tcp ${HOST.public4} ${PORT}`,
    `tcp ${PEER.unique_local} ${PORT}`,
    `tcp ${HOST.public6} ${PORT}`,
    `tcp ${ipv4.gateway} ${PORT}`,
    `tcp ${ipv4.resolver} ${PORT}`,
    `udp ${PEER.public4} ${PORT}`,
  ]
  const closed = async (how: string): Promise<void> => {
    for (const [one, result] of await attempt(targets, sandbox))
      assert.notEqual(result, 'open', `${one} ${how}`)
    assert.deepEqual([...(await attempt(OPEN.slice(0, 1), sandbox)).values()], ['open'], how)
  }
  const ipIn = (commands: string): Promise<string> =>
    sandbox.run(['ip', '-batch', '-'], `${commands}\n`)
  // Tries to bypass the router by sending straight to slirp4netns, at its addresses on the link.
  await ipIn(`addr add 198.19.255.50/32 dev eth0
route add ${PEER.private10} via ${ipv4.gateway} dev eth0 onlink
route add ${HOST.public4} via ${ipv4.gateway} dev eth0 onlink
neigh add ${ipv4.gateway} lladdr 52:55:c6:13:ff:02 dev eth0
neigh add ${ipv4.resolver} lladdr 52:55:c6:13:ff:03 dev eth0`)
  await closed('through slirp4netns')
  // Tries to send from the addresses of the router, of slirp4netns and of the machine.
  for (const source of [ipv4.router, ipv4.gateway, HOST.public4, '127.0.0.5']) {
    const via = source === ipv4.router ? ipv4.gateway : ipv4.router
    await ipIn(`addr add ${source}/32 dev eth0
route replace ${PEER.private10} via ${via} dev eth0 onlink src ${source}`)
    const [result] = (await attempt(targets.slice(0, 1), sandbox)).values()
    assert.notEqual(result, 'open', source)
    await ipIn(`route del ${PEER.private10}\naddr del ${source}/32 dev eth0`)
  }
  await closed('after attempts from other addresses')
  const counter = `raw-received ${PEER.public4} ${PORT}`
  const sent = `raw ${PEER.public4} ${PORT}`
  assert.equal((await attempt([sent], sandbox)).get(sent), 'open')
  await closed('after raw packets')
  assert.equal((await attempt([counter])).get(counter), 'another answer')
  await attempt([sent])
  assert.equal((await attempt([counter])).get(counter), 'open', 'the machine can send them')
  await assert.rejects(
    sandbox.run(['nsenter', `--net=/proc/${process.pid}/ns/net`, 'true']),
    'the sandbox cannot enter the network namespace of the machine',
  )
})

test(
  "an administrator can allow private networks, but not the machine's own addresses by a range",
  { skip },
  async () => {
    await using connected = await connect([
      '10.213.0.9/16',
      '128.0.0.0/1',
      'fd77:1234::/32',
      '::/0',
      '0.0.0.0/0',
    ])
    const open = [...OPEN, `tcp ${PEER.private10} ${PORT}`, `tcp ${PEER.unique_local} ${PORT}`]
    const closed = [
      `tcp ${HOST.public4} ${PORT}`,
      `tcp ${HOST.public6} ${PORT}`,
      `tcp ${ipv4.gateway} ${PORT}`,
      `tcp ${ipv4.resolver} ${PORT}`,
      `tcp 0.0.0.0 ${PORT}`,
      `tcp 64:ff9b::${HOST.public4} ${PORT}`,
      `dns ${PEER.private10} 53`,
      ...ownAddresses().map((address) => `tcp ${address} ${PORT}`),
    ]
    for (const [one, result] of await attempt([...open, ...closed], connected.sandbox))
      assert.equal(result === 'open', open.includes(one), `${one}: ${result}`)
  },
)

test('an administrator can allow a single address of the machine', { skip }, async () => {
  await using connected = await connect([`${HOST.public4}/32`, `${HOST.public6}/128`])
  const results = await attempt(
    [`tcp ${HOST.public4} ${PORT}`, `tcp ${HOST.public6} ${PORT}`],
    connected.sandbox,
  )
  assert.deepEqual([...results.values()], ['open', 'open'])
})

test('an address that the machine gets later is blocked as well', { skip }, async () => {
  await using connected = await connect()
  const late = { ipv4: '192.31.196.129', ipv6: '2620:4f:8000:1::1' }
  await ip(`addr add ${late.ipv4}/32 dev lo\naddr add ${late.ipv6}/128 dev lo nodad`)
  try {
    const attempts = Object.values(late).map((one) => `tcp ${one} ${PORT}`)
    assert.deepEqual([...(await attempt(attempts)).values()], ['open', 'open'])
    let results = ['open']
    // It takes a moment until the kernel's report of a new address arrives.
    for (let tries = 0; results.includes('open') && tries < 50; tries += 1)
      results = [...(await attempt(attempts, connected.sandbox)).values()]
    assert.match(
      results.join(),
      /^.*(route|Permission|prohibited).*,.*(route|Permission|prohibited)/,
    )
  } finally {
    await ip(`addr del ${late.ipv4}/32 dev lo\naddr del ${late.ipv6}/128 dev lo`)
  }
})

test("slirp4netns has no privileges and no access to the machine's files", { skip }, async () => {
  await using listening = await listen()
  await using connected = await connect()
  assert.ok(connected.network)
  const [pid = ''] = await slirpProcesses()
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const of = (name: string): string =>
    new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1] ?? ''
  for (const name of ['Uid', 'Gid']) assert.equal(of(name), Array(4).fill(SLIRP_ID).join('\t'))
  assert.deepEqual([of('Groups').trim(), of('NoNewPrivs'), of('Seccomp')], ['', '1', '2'])
  // The only capability is CAP_NET_BIND_SERVICE in the router's user namespace, which does not apply to the machine's ports.
  assert.equal(BigInt(`0x${of('CapEff')}`), 1n << 10n)
  assert.notEqual(await readlink(`/proc/${pid}/ns/user`), await readlink('/proc/self/ns/user'))
  const mounts = (await readFile(`/proc/${pid}/mountinfo`, 'utf8')).trim().split('\n')
  assert.deepEqual(
    mounts.map((line) => line.split(' ')[4]),
    ['/', '/etc', '/run'],
  )
  assert.deepEqual(await readdir(`/proc/${pid}/root/etc`), ['resolv.conf'])
  assert.deepEqual(await readdir(`/proc/${pid}/root/run`), [])
  const mine = await openFiles(process.pid)
  const shared = [...(await openFiles(Number(pid)))].filter((file) => mine.has(file))
  assert.ok(mine.has(listening.file))
  assert.ok(!shared.includes(listening.file))
})

test(
  'a network ends when it is disposed of or when the process that started it ends',
  { skip },
  async () => {
    const connected = await connect()
    assert.equal((await slirpProcesses()).length, 1)
    await connected.network[Symbol.asyncDispose]()
    assert.deepEqual(await slirpProcesses(), [])
    assert.equal(connected.network.lost.aborted, false)
    const [result] = (await attempt(OPEN.slice(0, 1), connected.sandbox)).values()
    assert.notEqual(result, 'open')
    await connected[Symbol.asyncDispose]()

    await using sandbox = await makeSandbox()
    const dir = join(machines.dir, 'killed')
    await mkdir(dir)
    const script = `
import { addressRules } from '@copr/process/guarded/address-rules'
import { startUserNetwork } from ${JSON.stringify(join(import.meta.dirname, 'user-network.ts'))}
const options = ${JSON.stringify({ network_namespace: `/proc/${sandbox.pid}/ns/net`, uid: SLIRP_ID, gid: SLIRP_ID, dir })}
await startUserNetwork({ ...options, rules: addressRules(false), signal: new AbortController().signal })
console.log('started')`
    const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: import.meta.dirname,
    })
    await new Promise((resolve) => owner.stdout.once('data', resolve))
    assert.equal((await slirpProcesses()).length, 1)
    owner.kill('SIGKILL')
    while ((await processesOf(SLIRP_ID)).length > 0) await sleep(20)
    while ((await sandbox.run(['ip', '-br', 'link'])).includes('eth0')) await sleep(20)
  },
)

test('a network is reported as lost when its slirp4netns process dies', { skip }, async () => {
  await using connected = await connect()
  const { lost } = connected.network
  const [pid = ''] = await slirpProcesses()
  process.kill(Number(pid), 'SIGKILL')
  while (!lost.aborted) await sleep(20)
  assert.match(String(lost.reason), /The network of the sandbox failed: slirp4netns ended/)
})

test(
  'the resolver queries the current name server of the machine, even if it is on loopback',
  { skip },
  async () => {
    const answer = Buffer.from(
      '123481800001000100000000' +
        '04636f7072047465737400' +
        '00010001' +
        'c00c000100010000003c000401020304',
      'hex',
    )
    const server = createSocket('udp4')
    let asked = 0
    server.on('message', (_, { port, address }) => {
      asked += 1
      server.send(answer, port, address)
    })
    await new Promise<void>((resolve) => server.bind(53, '127.77.0.53', resolve))
    const name_servers_file = join(machines.dir, 'changing')
    await writeFile(name_servers_file, `nameserver ${PEER.private10}\n`)
    try {
      await using connected = await connect(false, name_servers_file)
      const query = `dns ${ipv4.resolver} 53`
      const ask = async () => (await attempt([query], connected.sandbox)).get(query)
      assert.deepEqual([await ask(), asked], ['open', 0])
      await writeFile(name_servers_file, 'nameserver 127.77.0.53\n')
      while (asked === 0) assert.equal(await ask(), 'open')
      const other = `tcp ${ipv4.resolver} ${PORT}`
      assert.notEqual((await attempt([other], connected.sandbox)).get(other), 'open')
    } finally {
      server.close()
    }
  },
)

test('a network ends when its signal aborts', { skip }, async () => {
  const stop = new AbortController()
  await using connected = await connect(false, machines.name_servers_file, stop.signal)
  stop.abort(new Error('canceled'))
  while ((await processesOf(SLIRP_ID)).length > 0) await sleep(20)
  assert.equal(connected.network.lost.aborted, false)
  await assert.rejects(connect(false, machines.name_servers_file, stop.signal), /canceled/)
})

for (const uid of [0, -1, 0.5, Number.NaN])
  test(`startUserNetwork() refuses to run slirp4netns as user ${uid}`, async () =>
    assert.rejects(
      startUserNetwork({
        network_namespace: '/proc/self/ns/net',
        uid,
        gid: SLIRP_ID,
        rules: addressRules(false),
        dir: '/nonexistent',
        signal: new AbortController().signal,
      }),
      /needs the id of an unprivileged user/,
    ))

test("startUserNetwork() refuses the machine's own network namespace", { skip }, async () => {
  await assert.rejects(
    startUserNetwork({
      network_namespace: '/proc/self/ns/net',
      uid: SLIRP_ID,
      gid: SLIRP_ID,
      rules: addressRules(false),
      dir: machines.dir,
      signal: new AbortController().signal,
    }),
    /own network namespace/,
  )
})

async function listen() {
  const { createServer } = await import('node:net')
  const known = await openFiles(process.pid)
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const [file = ''] = [...(await openFiles(process.pid))].filter((one) => !known.has(one))
  return { file, [Symbol.asyncDispose]: async () => void server.close() }
}

async function openFiles(pid: number): Promise<Set<string>> {
  const files = new Set<string>()
  for (const fd of await readdir(`/proc/${pid}/fd`))
    files.add(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''))
  return files
}

/** Returns the running processes of a user. Zombies do not count, because they only wait for their parent. */
async function processesOf(uid: number): Promise<{ pid: string; name: string }[]> {
  const found: { pid: string; name: string }[] = []
  for (const pid of await readdir('/proc')) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
    const name = /^Name:\s*(\S+)/m.exec(status)?.[1] ?? ''
    if (new RegExp(`^Uid:\\t${uid}\\t`, 'm').test(status) && !/^State:\tZ/m.test(status))
      found.push({ pid, name })
  }
  return found
}

async function slirpProcesses(): Promise<string[]> {
  return (await processesOf(SLIRP_ID))
    .filter(({ name }) => name === 'slirp4netns')
    .map(({ pid }) => pid)
}
