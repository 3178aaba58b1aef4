import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test, type TestContext } from 'node:test'
import { coprctl } from './coprctl.ts'

/**
 * The executable from the README's section "More ways to run it". The tests run it on a machine that lacks the prerequisites of those ways.
 */
const PROGRAM = fileURLToPath(new URL('../coprctl', import.meta.url))

const KUBECONFIG = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'one',
  clusters: [{ name: 'one', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'dana', user: { token: 'x' } }],
  contexts: [{ name: 'one', context: { cluster: 'one', user: 'dana' } }],
})

/** A PATH with the programs that the shell script needs, and nothing else. */
const SYSTEM = { PATH: ['/usr/bin', '/bin'].join(delimiter) }

interface Said {
  code: number
  err: string
}

function emptyHome(t: TestContext): string {
  const home = mkdtempSync(join(tmpdir(), 'copr-more-ways-'))
  t.after(() => {
    process.chdir('/')
    rmSync(home, { recursive: true, force: true })
  })
  return home
}

/** Runs coprctl in an empty HOME, with no program in its PATH. */
async function said(home: string, ...args: string[]): Promise<Said> {
  const env = { HOME: home, PATH: join(home, 'bin') }
  // These are set for the whole process, because the Kubernetes client itself reads ~/.kube/config, and coprctl reads vars.yml in the
  // current folder.
  Object.assign(process.env, env)
  delete process.env['KUBECONFIG']
  process.chdir(home)
  let err = ''
  const code = await coprctl(args, {
    env,
    stdin: (async function* () {})(),
    stdout: { write: () => undefined },
    stderr: { write: (text: string) => (err += text) },
  })
  return { code, err }
}

const NO_CLUSTER =
  'coprctl: Cannot find a cluster: log in first, with oc login or by a kubeconfig (KUBECONFIG)\n'

for (const command of ['deploy', 'dev up'])
  test(`${command} without a cluster explains how to log in`, async (t) => {
    assert.deepEqual(await said(emptyHome(t), ...command.split(' ')), { code: 1, err: NO_CLUSTER })
  })

for (const command of ['deploy', 'dev up'])
  test(`${command} names a cluster that does not respond`, async (t) => {
    const home = emptyHome(t)
    writeFileSync(join(home, 'kubeconfig'), KUBECONFIG)
    // A checkout need not have an images file; if it has one, its content does not matter, because the cluster is contacted first.
    const { code, err } = await said(home, ...command.split(' '), '--kubeconfig', 'kubeconfig')
    assert.equal(code, 1)
    assert.match(
      err,
      /^coprctl: Cannot (reach the cluster at https:\/\/127\.0\.0\.1:1: connect ECONNREFUSED|find .*images\.lock\.yaml: it says which images to run\n {4}try: make images)/,
    )
  })

test('`containers up` reports that podman is missing before it builds images', async (t) =>
  assert.deepEqual(await said(emptyHome(t), 'containers', 'up'), {
    code: 1,
    err: 'coprctl: Cannot run podman: it is not installed; install it with "make up-containers" or with your package manager\n',
  }))

test('`containers down` succeeds without podman, because nothing can be running', async (t) =>
  assert.deepEqual(await said(emptyHome(t), 'containers', 'down'), {
    code: 0,
    err: 'Nothing was running: podman is not installed\n',
  }))

test('coprctl in a clone without npm packages explains how to install them', (t) => {
  const home = emptyHome(t)
  mkdirSync(join(home, 'packages/cli'), { recursive: true })
  cpSync(PROGRAM, join(home, 'packages/cli/coprctl'))
  const ran = spawnSync(join(home, 'packages/cli/coprctl'), ['dev', 'up'], {
    env: SYSTEM,
    encoding: 'utf8',
  })
  assert.equal(ran.status, 1)
  assert.match(
    ran.stderr,
    /^coprctl: Cannot start: the npm packages of \S+ are not installed; run "npm ci" there, or "make up"\n$/,
  )
})

test('coprctl finds the Node of the checkout even if npm has not linked it', (t) => {
  const home = emptyHome(t)
  const bin = `node_modules/node-linux-${process.arch}/bin`
  for (const dir of ['packages/cli/src', 'node_modules/commander', bin])
    mkdirSync(join(home, dir), { recursive: true })
  cpSync(PROGRAM, join(home, 'packages/cli/coprctl'))
  symlinkSync(process.execPath, join(home, bin, 'node'))
  writeFileSync(join(home, 'packages/cli/src/main.ts'), 'console.log(process.version as string)')
  const ran = spawnSync(join(home, 'packages/cli/coprctl'), { env: SYSTEM, encoding: 'utf8' })
  assert.equal(ran.stdout.trim(), process.version, ran.stderr)
})
