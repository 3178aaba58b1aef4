import assert from 'node:assert/strict'
import { CLONE, type Trial } from './trial.ts'

const PACKAGE = 'hello-copr'
const DIR = '/tmp/installed'

/**
 * Installs the example as a user would: from the site's repository file, which requires signatures, with the base system as a second
 * repository. Returns the output of the installed program.
 */
export async function installExample({ root, entered, log }: Trial, url: string): Promise<string> {
  const append = log('dnf.log')
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
  const answer = await fetch(`${url}/coprs/admin/example/repo/${root.name}/dnf.repo?arch=${arch}`)
  const repoFile = await answer.text()
  for (const line of ['gpgcheck=1', 'repo_gpgcheck=1'])
    assert.ok(repoFile.split('\n').includes(line), `the repository file lacks ${line}`)
  const base = root.baseRepository(CLONE).join('\n')
  const write =
    'mkdir -p "$0/repos"; printf "%s\\n" "$1" >"$0/repos/base.repo"; printf "%s" "$2" >"$0/repos/example.repo"'
  await entered.run(['sh', '-ec', write, DIR, base, repoFile])
  const settings = [`reposdir=${DIR}/repos`, `cachedir=${DIR}/cache`, 'install_weak_deps=False']
  const dnf = ['dnf', '-y', '--noplugins', `--installroot=${DIR}/root`].concat(
    `--releasever=${root.name.split('-').at(-1)}`,
    settings.map((setting) => `--setopt=${setting}`),
    ['install', PACKAGE],
  )
  // dnf leaves a gpg-agent running; it is killed together with the PID namespace.
  const unshare = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
  const installed = await entered.run([...unshare, ...dnf], { onOutput: append })
  assert.ok(installed.ok, `dnf does not install ${PACKAGE}`)
  assert.ok(installed.output.includes('Importing GPG key'), 'dnf installs without a key')
  const greeting = await entered.run(['chroot', `${DIR}/root`, `/usr/bin/${PACKAGE}`], {
    onOutput: append,
  })
  assert.ok(greeting.ok, `${PACKAGE} does not run: ${greeting.output}`)
  return greeting.output.trim()
}
