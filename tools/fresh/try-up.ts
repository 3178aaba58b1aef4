import assert from 'node:assert/strict'
import { freePort } from '@copr/domain/database/embedded-postgres'
import { installExample } from './install-example.ts'
import { comparePackages } from './package-lists.ts'
import { startUp } from './running-up.ts'
import type { Trial } from './trial.ts'

/** The pages that new users open first, and the URLs that copr-cli and dnf request. */
const PAGES = [
  '/',
  '/coprs/admin/example/',
  '/coprs/admin/example/builds/',
  '/coprs/build/1/',
  '/api_3/project?ownername=admin&projectname=example',
  '/results/admin/example/pubkey.gpg',
]

/** Runs `make up` as the README describes until the example has been installed, and stops it with Ctrl-C. Then does both again. */
export async function tryUp(trial: Trial): Promise<void> {
  const { step, say, log, entered } = trial
  const port = await freePort(0)
  const packagesBefore = await listPackages(trial, 'packages-before.txt')
  const mounts = entered.mounts()

  const first = await step(
    'make up',
    async (shown) => await startUp(trial, { port, logName: 'up-1.log', shown }),
  )
  for (const line of first.steps()) say(`    ${line}`)
  await step('the example was installed and ran', async () => {
    const output = first.output()
    assert.ok(
      output.includes('✓ package installed with dnf, gpgcheck=1'),
      'no example is installed',
    )
    assert.ok(/It runs: \S/.test(output), 'the example says nothing')
  })
  await step(`${PAGES.length} pages answer`, () => requirePages(first.url))
  await step(
    'dnf installs the example once more, with gpgcheck=1',
    () => installExample(trial, first.url),
    (greeting) => greeting,
  )
  await step('Ctrl-C ends everything', () => first.stop(mounts))

  const second = await step(
    'make up again',
    async (shown) => await startUp(trial, { port, logName: 'up-2.log', shown }),
  )
  for (const line of second.steps()) say(`    ${line}`)
  await step('it installed and built nothing', async () => {
    const [repeated] = /Installing|example package built/.exec(second.output()) ?? []
    assert.equal(repeated, undefined, `the second make up says: ${repeated}`)
    await requirePages(second.url)
  })
  await step('Ctrl-C ends everything again', () => second.stop(mounts))

  const changes = comparePackages(packagesBefore, await listPackages(trial, 'packages-after.txt'))
  log('packages-changed.txt')(changes.map((line) => `${line}\n`).join(''))
  say(`    ${changes.length} packages changed by make up: packages-changed.txt`)
}

async function listPackages({ root, entered, log }: Trial, name: string): Promise<string[]> {
  const listed = await entered.run(root.listPackages)
  if (!listed.ok) throw new Error(`Cannot list the installed packages: ${listed.output}`)
  const packages = listed.output.trim().split('\n').toSorted()
  log(name)(packages.map((line) => `${line}\n`).join(''))
  return packages
}

async function requirePages(url: string): Promise<void> {
  for (const page of PAGES) {
    const { status } = await fetch(`${url}${page}`)
    assert.equal(status, 200, `${page} answered ${status}, expected 200`)
  }
}
