import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { SourceCredentials } from '@copr/contract/builder-protocol'
import type { ScmSettings } from '@copr/contract/made-sources'
import { specOf } from '../src/testing/engine-suite.ts'
import {
  behindPassword,
  gitServer,
  repositoryWithSubmodule,
  testRepository,
} from '../src/testing/git-server.ts'
import {
  runSource,
  serve,
  skip,
  sourceTask,
  urlOf,
  useSources,
} from '../src/testing/source-suite.ts'
import { MACHINE_ADDRESS } from '@copr/testkit/system/machine-address'
import { makeFromScm } from '../src/sources/from-scm.ts'
import type { MadeTask } from '../src/sources/from-script.ts'
import {
  cloneCredentials,
  secretHider,
  writeGitCredentials,
} from '../src/sources/scm/credentials.ts'

useSources()

const DANA = { username: 'dana', password: 'pa55 w:rd%2f"x' }
const dir = await mkdtemp(join(tmpdir(), 'copr-credentials-'))
after(() => rm(dir, { recursive: true }))
/** The `Authorization` headers that each server has received. */
const seen = { private: [] as (string | undefined)[], other: [] as (string | undefined)[] }
/** The processes that had the password in their arguments or environment while a repository was cloned. */
const exposed: string[] = []
/** A server at another port, which git and svn take for another host. */
const other = createServer(behindPassword((_, response) => response.end(), DANA, seen.other))
let otherUrl = ''

before(async () => {
  if (skip) return
  await new Promise<void>((resolve) => other.listen(0, MACHINE_ADDRESS, resolve))
  otherUrl = `http://${MACHINE_ADDRESS}:${(other.address() as AddressInfo).port}`
  const git = gitServer(dir, '/private')
  const watched: typeof git = (request, response) => {
    void exposedProcesses().then((found) => {
      exposed.push(...found)
      git(request, response)
    })
  }
  serve('/private/', behindPassword(watched, DANA, seen.private))
  serve('/moved/', (request, response) =>
    response.writeHead(301, { location: `${otherUrl}${request.url}` }).end(),
  )
  const module = await testRepository(join(dir, 'module.git'))
  const commit = await module.commit({ 'module.txt': 'from the submodule\n' })
  await repositoryWithSubmodule(join(dir, 'near.git'), { url: '../module.git', commit })
  await repositoryWithSubmodule(join(dir, 'far.git'), { url: `${otherUrl}/module.git`, commit })
  const curious = await testRepository(join(dir, 'curious.git'))
  await curious.commit({
    'package.spec': specOf({ name: 'package' }),
    '.copr/Makefile': `srpm:
\ttest ! -e /etc/copr-clone
\t! grep -rs 'pa5[5]' . /etc /tmp /var/tmp /builddir
\t! git credential fill <request
\trpmbuild -bs --define "_srcrpmdir $(outdir)" --define "dist %{nil}" package.spec
`,
    request: `protocol=http\nhost=${MACHINE_ADDRESS}\n\n`,
  })
})
after(async () => {
  other.closeAllConnections()
  await new Promise((resolve) => other.close(resolve))
})

/** Returns the ids of the machine's processes whose arguments or environment contain the password. */
async function exposedProcesses(): Promise<string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    ids.map(async (id) => {
      const texts = await Promise.all(
        ['cmdline', 'environ'].map((name) =>
          readFile(`/proc/${id}/${name}`, 'latin1').catch(() => ''),
        ),
      )
      return texts.some((text) => text.includes('pa55') || text.includes('ZGFuYTpwYTU1'))
        ? [id]
        : []
    }),
  )
  return found.flat()
}

async function clone(settings: Partial<ScmSettings>, credentials: SourceCredentials[]) {
  seen.private.length = 0
  seen.other.length = 0
  exposed.length = 0
  const source = { type: 'scm' as const, settings: { spec: 'package.spec', ...settings } }
  const task = sourceTask(source, { credentials }) as MadeTask
  const ended = await runSource((_, ...more) => makeFromScm(task, ...more), task)
  assert.doesNotMatch(JSON.stringify([ended.log, ended.outcome]), /pa55/)
  assert.deepEqual(exposed, [])
  return ended
}

const isSent = (headers: (string | undefined)[]): boolean => headers.some(Boolean)

test(
  'a private repository and its submodule are cloned with the credentials of the task',
  { skip },
  async () => {
    const credentials = [{ url: urlOf('/private'), ...DANA }]
    const { outcome, log } = await clone({ clone_url: urlOf('/private/near.git') }, credentials)
    assert.equal(outcome.outcome, 'succeeded', log)
  },
)

test(
  'credentials in a URL are sent to its server, and do not appear in the log',
  { skip },
  async () => {
    const user = `${DANA.username}:${encodeURIComponent(DANA.password)}`
    const clone_url = urlOf('/private/near.git').replace('//', `//${user}@`)
    const { outcome, log } = await clone({ clone_url }, [])
    assert.equal(outcome.outcome, 'succeeded', log)
    assert.match(log, /http:\/\/\*\*\*@/)
  },
)

test(
  'code from a repository cannot read the credentials that are used to clone it',
  { skip },
  async () => {
    const { outcome, log } = await clone(
      { clone_url: urlOf('/private/curious.git'), source_build_method: 'make_srpm' },
      [{ url: urlOf(''), ...DANA }],
    )
    assert.equal(outcome.outcome, 'succeeded', log)
  },
)

test('a submodule at another host receives no credentials', { skip }, async () => {
  const { reason, log } = await clone({ clone_url: urlOf('/private/far.git') }, [
    { url: urlOf(''), ...DANA },
  ])
  assert.match(reason, /^cannot clone the submodule vendor from .*: it is not public/, log)
  assert.ok(seen.other.length > 0)
  assert.ok(!isSent(seen.other))
})

for (const [type, path] of [
  ['git', '/moved/near.git'],
  ['svn', '/moved/near'],
] as const)
  test(`a redirect to another host takes no credentials along: ${type}`, { skip }, async () => {
    const { outcome, log } = await clone({ type, clone_url: urlOf(path) }, [
      { url: urlOf(''), ...DANA },
    ])
    assert.equal(outcome.outcome, 'failed', log)
    assert.ok(seen.other.length > 0)
    assert.ok(!isSent(seen.other))
  })

test(
  'svn sends the credentials of its URL to the server that asks for them',
  { skip },
  async () => {
    const { reason, log } = await clone({ type: 'svn', clone_url: urlOf('/private/none') }, [
      { url: urlOf('/private/none'), ...DANA },
    ])
    assert.match(
      reason,
      /^cannot clone http:.*\/private\/none: there is no Subversion repository/,
      log,
    )
    assert.ok(isSent(seen.private))
  },
)

for (const [title, credentials, reason] of [
  ['no credentials', [], /: it is not public, or does not exist: the server asks for a password$/],
  ['the wrong password', ['/private'], /: the server refuses the user name and the password$/],
  ['credentials of another path', ['/priv'], /: it is not public, or does not exist/],
] as const)
  test(`a private repository with ${title} fails with a reason`, { skip }, async () => {
    const wrong = credentials.map((path) => ({ url: urlOf(path), ...DANA, password: 'pa55wrong' }))
    const { reason: given, log } = await clone({ clone_url: urlOf('/private/near.git') }, wrong)
    assert.match(given, reason, log)
  })

const HELPED: [title: string, request: string, username: string][] = [
  ['the longest prefix', 'https://git.example/team/a/x.git', 'both'],
  ['a shorter prefix', 'https://git.example/team/x.git', 'team'],
  ['the whole server', 'https://all.example:8443/x', 'all'],
  ['the exact URL', 'https://git.example/one/x.git', 'one'],
  ['no other scheme', 'http://git.example/team/x.git', ''],
  ['no other host', 'https://git.example.org/team/x.git', ''],
  ['no other port', 'https://all.example/x', ''],
  ['no path that begins with the same letters', 'https://git.example/teams/x.git', ''],
  ['no path above the prefix', 'https://git.example/team/../x.git', ''],
]
for (const [title, request, username] of HELPED)
  test(`the credential helper matches ${title}`, async () => {
    const folder = await mkdtemp(join(dir, 'helper-'))
    const of = (url: string, name: string) => ({ url, username: name, password: `${name} pa55` })
    const task = {
      credentials: [
        of('https://git.example/team', 'team'),
        of('https://git.example/team/a/', 'both'),
        of('https://git.example/one/x.git', 'one'),
        of('https://all.example:8443', 'all'),
      ],
    }
    await writeGitCredentials(folder, cloneCredentials(task, request))
    const [, protocol, host, path] = /^(\w+):\/\/([^/]+)\/(.*)$/.exec(request) ?? []
    const input = `protocol=${protocol}\nhost=${host}\npath=${path}\n\n`
    const { stdout } = spawnSync(join(folder, 'git-helper'), ['get'], { input, encoding: 'utf8' })
    assert.equal(stdout, username === '' ? '' : `username=${username}\npassword=${username} pa55\n`)
  })

test('secretHider() hides passwords, their encoded form, and tokens in URLs', () => {
  const hide = secretHider({
    credentials: [{ url: 'https://git.example', username: 'dana', password: 'a b/c' }],
    source: { type: 'scm', settings: { clone_url: 'https://t0ken@git.example/x' } },
  })
  assert.equal(hide('dana a b/c a%20b%2Fc t0ken https://u:p@h/'), 'dana *** *** *** https://***@h/')
})
