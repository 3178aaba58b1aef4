import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { stringify } from 'yaml'
import { coprctl } from '../coprctl.ts'

const AWS = {
  provider: 'aws',
  region: 'eu-central-1',
  tags: ['arch_x86_64'],
  instance_types: ['c7i.large'],
  subnets: ['subnet-1'],
  image: { owner: 'self', name: 'x' },
}

/** Creates a folder with a pools file and a configuration that refers to it. */
function fixture(t: TestContext, pools: (dir: string) => Record<string, object>) {
  const dir = mkdtempSync(join(tmpdir(), 'copr-pools-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const pools_file = join(dir, 'pools.yaml')
  writeFileSync(pools_file, stringify(pools(dir)))
  const config = join(dir, 'copr.yaml')
  const keygen = { url: 'http://127.0.0.1:1', secret: 'x'.repeat(20), master_key_file: 'k' }
  const database_url = 'postgres://copr:x@127.0.0.1:1/copr'
  const at = { public_url: 'http://copr.example', listen: {}, data_dir: dir, database_url, keygen }
  writeFileSync(config, stringify({ ...at, pools_file, installation_id: 'mine' }))
  const run = async (args: string[]) => {
    let [out, err] = ['', '']
    const code = await coprctl(args, {
      env: { PATH: process.env['PATH'], COPR_CONFIG: config },
      stdin: Readable.from([]),
      stdout: { write: (text: string) => (out += text) },
      stderr: { write: (text: string) => (err += text) },
    })
    return { code, out, err }
  }
  return { dir, pools_file, run }
}

test('`builders aws-policy` prints a policy for the AWS pools in the configuration or in the options', async (t) => {
  const lab = { cmd_new: 'a', cmd_delete: 'b', arches: ['x86_64'] }
  const { run, pools_file } = fixture(t, () => ({ lab, x86: AWS, arm: { ...AWS, region: 'r-2' } }))
  const { code, out, err } = await run(['builders', 'aws-policy'])
  assert.equal(code, 0, err)
  const { Statement } = JSON.parse(out) as { Statement: object[] }
  assert.match(JSON.stringify(Statement), /"aws:RequestTag\/copr-installation":"mine"/)
  assert.match(out, /arn:aws:ec2:r-2:\*:instance/)
  const one = await run([
    'builders',
    'aws-policy',
    'x86',
    '--pools',
    pools_file,
    '--installation',
    'other',
  ])
  assert.doesNotMatch(out, /CreateImage/)
  assert.match((await run(['builders', 'aws-policy', '--bake'])).out, /ec2:CreateImage/)
  assert.match(one.out, /"aws:RequestTag\/copr-installation": "other"/)
  assert.doesNotMatch(one.out, /r-2/)
})

for (const [args, words] of [
  [['builders', 'aws-policy', 'lab'], /Cannot create a policy: no pool uses the provider aws/],
  [['builders', 'aws-policy', 'nowhere'], /Cannot find the pool nowhere: .* has lab, x86/],
  [
    ['builders', 'doctor', '--pools', '/nowhere/pools.yaml'],
    /Cannot read the pools file .*no such file/,
  ],
  [['image', 'bake', 'nowhere'], /Cannot find the pool nowhere/],
  [['image', 'bake', 'lab'], /Cannot bake an image for lab: its provider is command, and only aws/],
] as const)
  test(`${args.join(' ')} fails with a readable message`, async (t) => {
    const lab = { cmd_new: 'a', cmd_delete: 'b', arches: ['x86_64'] }
    const { code, err } = await fixture(t, () => ({ lab, x86: AWS })).run([...args])
    assert.equal(code, 1)
    assert.match(err, words)
  })

test('`image bake` reads the authority of a gateway from a file, even without a configuration', async (t) => {
  const { run, pools_file, dir } = fixture(t, () => ({ x86: AWS }))
  const without = [
    '--pools',
    pools_file,
    '--installation',
    'mine',
    '--gateway',
    'https://c.example',
  ]
  for (const more of [without, []]) {
    const missing = await run(['image', 'bake', 'x86', ...more, '--ca', join(dir, 'none.pem')])
    assert.equal(missing.code, 1)
    assert.match(missing.err, /Cannot read the authority of the gateway: .*none\.pem/)
    const wrong = await run(['image', 'bake', 'x86', ...more, '--ca', pools_file])
    assert.equal(wrong.code, 1)
    assert.match(wrong.err, /Cannot use .*pools\.yaml: it contains no certificate in PEM/)
  }
})

test('`builders doctor` reports the result of each check of each pool, and starts no machine', async (t) => {
  const { run, dir } = fixture(t, (at) => ({
    well: { cmd_new: `${at}/new`, cmd_delete: 'true', cmd_list: 'true', arches: ['x86_64'] },
    here: { provider: 'local', arches: ['x86_64'] },
  }))
  writeFileSync(join(dir, 'new'), '#!/bin/sh\ntouch "$0.ran"\n')
  const wrong = await run(['builders', 'doctor'])
  assert.equal(wrong.code, 1)
  assert.match(
    wrong.out,
    /FAIL {2}well: cmd_new\n +Cannot run it: .*\/new: not found, or not executable/,
  )
  assert.match(wrong.out, /ok {4}here: processes started by coprctl up/)
  assert.match(wrong.err, /1 of \d checks failed/)
  chmodSync(join(dir, 'new'), 0o755)
  const well = await run(['builders', 'doctor', 'well', '--json'])
  assert.equal(well.code, 0, well.err)
  const subjects = (JSON.parse(well.out) as { subject: string }[]).map(({ subject }) => subject)
  assert.deepEqual(subjects, ['cmd_new', 'cmd_delete', 'cmd_list', 'ssh', 'listing'])
})
