import assert from 'node:assert/strict'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { runOrThrow } from '@copr/process/run'
import { parsePackageList, readPackageList } from '../../packages/demo-distro/src/list.ts'
import { BARE, PREREQUISITES } from './rpm-root.ts'

const scratch = mkdtempSync(join(tmpdir(), 'copr-rpm-root-'))
after(() => rmSync(scratch, { recursive: true, force: true }))

test('the lists contain every package preinstalled on the RPM machine, under its Fedora name', async () => {
  assert.deepEqual(await unlisted([...BARE, ...PREREQUISITES]), [])
})

test('the lists contain every package that make up installs with dnf', async () => {
  const wanted = await packagesForMakeUp()
  assert.ok(wanted.includes('createrepo_c') && wanted.includes('rpm-build'), String(wanted))
  assert.deepEqual(await unlisted(wanted), [])
})

async function unlisted(rpmNames: string[]): Promise<string[]> {
  const text = await readFile(new URL('machine-packages.list', import.meta.url), 'utf8')
  const listed = [...(await readPackageList()), ...parsePackageList(text, 'machine-packages.list')]
  const names = new Set(['filesystem', ...listed.flatMap((one) => [one.rpmName, ...one.provides])])
  return rpmNames.filter((name) => !names.has(name))
}

/** Runs install-system-packages.sh where none of the programs that it looks for exist, with a fake dnf that only records its arguments. */
async function packagesForMakeUp(): Promise<string[]> {
  const bin = join(scratch, 'bin')
  const script = join(scratch, 'tools', 'install-system-packages.sh')
  for (const path of [bin, dirname(script)]) mkdirSync(path)
  cpSync(new URL('../install-system-packages.sh', import.meta.url), script)
  for (const tool of ['cat', 'dirname', 'grep', 'mktemp', 'rm', 'sort'])
    symlinkSync(`/usr/bin/${tool}`, join(bin, tool))
  for (const [name, text] of [
    ['dnf', `echo "$@" >'${scratch}/asked'`],
    ['id', 'echo 0'],
  ] as const) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  await runOrThrow('env', [`PATH=${bin}`, '/bin/sh', script])
  const asked = readFileSync(join(scratch, 'asked'), 'utf8').trim().split(' ')
  return asked.filter((one) => !one.startsWith('-') && one !== 'install')
}
