import { mkdirSync, openAsBlob, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChrootConfig } from '@copr/contract/chroot-config'
import { splitChrootName } from '@copr/contract/names'
import { runOrThrow } from '@copr/process/run'
import { makeExampleSrpm } from '@copr/demo-distro/example/example'
import type { Layout } from './data-dir.ts'
import type { Progress, Step } from './progress.ts'

export const EXAMPLE_PROJECT = 'example'
const PACKAGE = 'hello-copr'

export interface ExampleOptions {
  url: string
  username: string
  login: string
  token: string
  chroot: ChrootConfig
  paths: Layout
  progress: Progress
  stop: AbortSignal
}

/** Does what a new user would do, with the same API: creates a project, builds a package in it, and installs it with dnf. */
export async function showExample(options: ExampleOptions): Promise<void> {
  const { progress, paths, url, username, chroot } = options
  const api = client(options)
  mkdirSync(paths.example, { recursive: true })
  await progress.step(`project ${username}/${EXAMPLE_PROJECT}`, async () => {
    await api(`project/add/${username}?exist_ok=True`, {
      name: EXAMPLE_PROJECT,
      chroots: [chroot.name],
      description:
        'A first project, made at the first start: one package, built, signed and published.',
    })
  })
  const build = await progress.step(
    'example package built',
    (step) => buildExample(options, api, step),
    ({ id, note }) => `build ${id}, ${note}`,
  )
  await progress.step('signature checked', () => checkSignature(options, build.id, api))
  const greeting = await progress.step(
    'package installed with dnf, gpgcheck=1 and repo_gpgcheck=1',
    () => installExample(options),
  )
  progress.say()
  progress.say(`  It runs: ${greeting.trim()}`)
  progress.say(`  Its page: ${url}/coprs/build/${build.id}`)
}

type Api = (path: string, body?: object | FormData) => Promise<Record<string, unknown>>

function client({ url, login, token, stop }: ExampleOptions): Api {
  const authorization = `Basic ${Buffer.from(`${login}:${token}`).toString('base64')}`
  return async (path, body) => {
    const isForm = body instanceof FormData
    const response = await fetch(`${url}/api_3/${path}`, {
      method: body ? 'POST' : 'GET',
      headers: {
        authorization,
        ...(body && !isForm ? { 'content-type': 'application/json' } : {}),
      },
      signal: stop,
      ...(body ? { body: isForm ? body : JSON.stringify(body) } : {}),
    })
    const answer = (await response.json()) as Record<string, unknown>
    if (!response.ok)
      throw new Error(`${path} answered ${response.status}: ${String(answer['error'])}`)
    return answer
  }
}

async function buildExample(
  options: ExampleOptions,
  api: Api,
  step: Step,
): Promise<{ id: number; note: string }> {
  const srpm = await makeExampleSrpm(options.paths.example)
  const form = new FormData()
  form.set('json', JSON.stringify({ ownername: options.username, projectname: EXAMPLE_PROJECT }))
  form.set('pkgs', await openAsBlob(srpm), basename(srpm))
  const { id } = await api('build/create/upload', form)
  for (;;) {
    const build = await api(`build/${Number(id)}`)
    const state = String(build['state'])
    step.detail(state)
    if (state === 'succeeded') return { id: Number(id), note: srpmName(build) }
    if (['failed', 'canceled', 'skipped'].includes(state))
      throw new Error(
        `The example build ${Number(id)} ${state}: see ${options.url}/coprs/build/${Number(id)}`,
      )
    await sleep(200, undefined, { signal: options.stop })
  }
}

function srpmName(build: Record<string, unknown>): string {
  const { name, version } = build['source_package'] as { name: string; version: string }
  return `${name} ${version}`
}

/** Downloads the package like any user, and verifies its signature with rpm. */
async function checkSignature(
  { paths, url, username, chroot }: ExampleOptions,
  id: number,
  api: Api,
): Promise<void> {
  const { items } = (await api(`build-chroot/list?build_id=${id}`)) as {
    items: { result_url: string }[]
  }
  const { [chroot.name]: built } = (await api(`build/built-packages/${id}`)) as Record<
    string,
    { packages: { name: string; version: string; release: string; arch: string }[] }
  >
  const binary = built?.packages.find((one) => one.name === PACKAGE && one.arch !== 'src')
  if (!binary || !items[0]) throw new Error(`Build ${id} has no package ${PACKAGE}`)
  const file = `${binary.name}-${binary.version}-${binary.release}.${binary.arch}.rpm`
  const dbpath = join(paths.example, 'rpmdb')
  rmSync(dbpath, { recursive: true, force: true })
  mkdirSync(dbpath)
  await download(`${items[0].result_url}${file}`, join(paths.example, file))
  await download(
    `${url}/results/${username}/${EXAMPLE_PROJECT}/pubkey.gpg`,
    join(paths.example, 'pubkey.gpg'),
  )
  await runOrThrow('rpmkeys', ['--dbpath', dbpath, '--import', join(paths.example, 'pubkey.gpg')])
  const verdict = await runOrThrow('rpmkeys', ['--dbpath', dbpath, '-K', join(paths.example, file)])
  if (!/signatures OK/.test(verdict)) throw new Error(`rpm does not trust the package: ${verdict}`)
}

async function download(from: string, to: string): Promise<void> {
  const response = await fetch(from)
  if (!response.ok) throw new Error(`${from} answered ${response.status}`)
  writeFileSync(to, Buffer.from(await response.arrayBuffer()))
}

/** Installs the package and its dependencies into a new, temporary root directory, and runs it there; returns its output. */
async function installExample(options: ExampleOptions): Promise<string> {
  const { paths, url, username, chroot, stop } = options
  const { os_release = '', os_version = '', arch = '' } = splitChrootName(chroot.name) ?? {}
  const root = join(paths.example, 'root')
  const repos = join(paths.example, 'repos')
  rmSync(root, { recursive: true, force: true })
  mkdirSync(repos, { recursive: true })
  await download(
    `${url}/coprs/${username}/${EXAMPLE_PROJECT}/repo/${os_release}-${os_version}/dnf.repo?arch=${arch}`,
    join(repos, `${EXAMPLE_PROJECT}.repo`),
  )
  const repoFile = readFileSync(join(repos, `${EXAMPLE_PROJECT}.repo`), 'utf8')
  for (const line of ['gpgcheck=1', 'repo_gpgcheck=1'])
    if (!repoFile.split('\n').includes(line)) throw new Error(`The repository file lacks ${line}`)
  writeFileSync(join(repos, 'base.repo'), renderRepositories(chroot))
  await runOrThrow(
    // dnf leaves a gpg-agent running; it is killed when the PID namespace ends.
    'unshare',
    [
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      'dnf',
      '-y',
      '--noplugins',
      '--installroot',
      root,
      `--releasever=${os_version}`,
      `--setopt=reposdir=${repos}`,
      `--setopt=cachedir=${join(paths.example, 'cache')}`,
      '--setopt=install_weak_deps=False',
      'install',
      PACKAGE,
    ],
    { env: { HOME: '/nonexistent' }, signal: stop },
  )
  const greeting = await runOrThrow('chroot', [root, `/usr/bin/${PACKAGE}`], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  })
  rmSync(root, { recursive: true, force: true })
  return greeting
}

/** Renders a repository file for dnf with the repositories that the package was built against, which contain its dependencies. */
function renderRepositories({ repos }: ChrootConfig): string {
  return repos
    .map(({ id, ...options }) => {
      const lines = Object.entries(options)
        .filter(([, value]) => value !== null && value !== '')
        .map(([key, value]) => `${key}=${typeof value === 'boolean' ? Number(value) : value}`)
      return [`[${id}]`, ...lines, ''].join('\n')
    })
    .join('\n')
}
