import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bitbucket,
  forgejo,
  type ForgePayload,
  github,
  gitlab,
  SHA,
  ZEROS,
} from '../testing/forge-payloads.ts'
import { addTelescope, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'

const SECRET = '0d2c3d0e-5d5b-4d67-9a53-2f6c0c9b7f11'
const LENS = 'https://git.example.org/dana/lens.git'

/** The packages of the project; webhooks may rebuild all of them. */
const PACKAGES: Record<string, object> = {
  lens: { clone_url: LENS },
  // Has its spec in a subdirectory, and is built only from the branch main.
  'lens-cap': {
    clone_url: 'git@git.example.org:dana/lens',
    committish: 'main',
    subdirectory: 'cap',
  },
  mirror: { clone_url: 'https://git.example.org/dana/mirror' },
}

async function open(): Promise<TestFrontend> {
  const t = await openTestFrontend()
  await addTelescope(t)
  await t.db.updateTable('project').set({ webhook_secret: SECRET }).execute()
  for (const [name, source] of Object.entries(PACKAGES))
    await t.db
      .insertInto('package')
      .values({
        project_id: 1,
        name,
        source_type: 'scm',
        source_json: JSON.stringify({ type: 'git', ...source }),
        webhook_rebuild: true,
        created_at: t.frontend.now(),
      })
      .execute()
  return t
}

const send = (t: TestFrontend, { forge, headers, body }: ForgePayload, rest = '') =>
  t.ask(`/webhooks/${forge}/1/${SECRET}/${rest}`, { method: 'POST', json: body, headers })

/** Lists the builds as `package directory commit`, followed by the repository if it is not the package's own. */
async function builds(t: TestFrontend): Promise<string[]> {
  const rows = await t.db
    .selectFrom('build')
    .innerJoin('package', 'package.id', 'build.package_id')
    .innerJoin('project_dir', 'project_dir.id', 'build.project_dir_id')
    .select([
      'package.name',
      'project_dir.name as dir',
      'build.source_json',
      'package.source_json as own',
    ])
    .orderBy('build.id')
    .execute()
  return rows.map(({ name, dir, source_json, own }) =>
    [
      name,
      dir.replace(/^telescope/, ''),
      source_json['committish'],
      source_json['clone_url'] === own['clone_url'] ? '' : source_json['clone_url'],
    ]
      .filter((part) => part !== '')
      .join(' '),
  )
}

interface Log {
  items: {
    outcome: string
    reason: string | null
    decisions: { package: string; reason: string }[]
  }[]
}

const BOTH = [`lens ${SHA}`, `lens-cap ${SHA}`]
const SHORT = SHA.slice(0, 12)
const TAG = 'lens-1.2'
const NOT_CAP =
  "lens-cap: tag lens-1.2 does not match lens-cap-VERSION or lens-cap-VERSION-RELEASE, and the webhook URL does not end with the package's name"
const FORK = 'https://git.example.org/eve/lens'

/** Each row has a payload, the builds that it starts, and the expected lines in the log. */
const TABLE: [title: string, ForgePayload, builds: string[], log: string[]][] = [
  ...[github, forgejo, gitlab].flatMap(({ push }): typeof TABLE => {
    const { forge } = push()
    return [
      [
        `${forge}: a push to main`,
        push(),
        [`lens ${SHA}`],
        [
          `lens: refs/heads/main at ${SHORT}`,
          'lens-cap: the push to refs/heads/main changes no file in the subdirectory cap',
        ],
      ],
      [
        `${forge}: a push to main that changes the folder`,
        push({ files: ['cap/x.spec'] }),
        BOTH,
        [`lens: refs/heads/main at ${SHORT}`, `lens-cap: refs/heads/main at ${SHORT}`],
      ],
      [
        `${forge}: a push to another branch`,
        push({ ref: 'refs/heads/next', files: ['cap/x'] }),
        [`lens ${SHA}`],
        [
          `lens: refs/heads/next at ${SHORT}`,
          'lens-cap: ref refs/heads/next does not end with the committish main',
        ],
      ],
      [
        `${forge}: the deletion of a branch`,
        push({ after: ZEROS }),
        [],
        ['refs/heads/main was deleted'],
      ],
      [
        `${forge}: an option as the commit`,
        push({ after: '--upload-pack=x' }),
        [],
        [
          'lens: refs/heads/main at --upload-pac, but the build was refused: committish: is not a branch, tag or commit',
          'lens-cap: the push to refs/heads/main changes no file in the subdirectory cap',
        ],
      ],
    ]
  }),
  [
    'gitlab: a push of more commits than are listed',
    gitlab.push({}, 21),
    BOTH,
    [
      `lens: refs/heads/main at ${SHORT}; the forge does not list all changed files`,
      `lens-cap: refs/heads/main at ${SHORT}; the forge does not list all changed files`,
    ],
  ],
  [
    'forgejo: a push of more commits than are listed',
    forgejo.push({}, 6),
    BOTH,
    [
      `lens: refs/heads/main at ${SHORT}; the forge does not list all changed files`,
      `lens-cap: refs/heads/main at ${SHORT}; the forge does not list all changed files`,
    ],
  ],
  ['github: a tag', github.create(TAG), [`lens ${TAG}`], ['lens: tag lens-1.2', NOT_CAP]],
  [
    'github: a tag as a push',
    github.push({ ref: `refs/tags/${TAG}`, files: [] }),
    [`lens ${TAG}`],
    ['lens: tag lens-1.2', NOT_CAP],
  ],
  ['forgejo: a tag', forgejo.create(TAG), [`lens ${TAG}`], ['lens: tag lens-1.2', NOT_CAP]],
  ['gitlab: a tag', gitlab.tag(TAG), [`lens ${TAG}`], ['lens: tag lens-1.2', NOT_CAP]],
  ['gitlab: the deletion of a tag', gitlab.tag(TAG, ZEROS), [], ['refs/tags/lens-1.2 was deleted']],
  [
    'bitbucket: a tag',
    bitbucket.push(['tag', TAG]),
    [`lens ${TAG}`],
    ['lens: tag lens-1.2', NOT_CAP],
  ],
  [
    'bitbucket: a push to main',
    bitbucket.push(['branch', 'main']),
    BOTH,
    [
      `lens: main at ${SHORT}; the forge does not list all changed files`,
      `lens-cap: main at ${SHORT}; the forge does not list all changed files`,
    ],
  ],
  [
    'bitbucket: a push and a deletion',
    bitbucket.push(null, ['branch', 'next']),
    [`lens ${SHA}`],
    [
      `lens: next at ${SHORT}; the forge does not list all changed files`,
      'lens-cap: ref next does not end with the committish main',
    ],
  ],
  ['bitbucket: a deletion', bitbucket.push(null), [], ['the branch or tag was deleted']],
  [
    'github: a new branch',
    github.create('next', 'branch'),
    [],
    ['creating a branch starts no builds; pushes to it do'],
  ],
  [
    'github: another event',
    github.payload('star', { action: 'created' }),
    [],
    ['the event star starts no builds; push, create and pull_request do'],
  ],
  [
    'gitlab: another event',
    gitlab.payload('Note Hook', { object_kind: 'note' }),
    [],
    ['the event note starts no builds; push, tag_push and merge_request do'],
  ],
  [
    'bitbucket: another event',
    bitbucket.payload('repo:fork', {}),
    [],
    [
      'the event repo:fork starts no builds; repo:push, pullrequest:created and pullrequest:updated do',
    ],
  ],
  ...(
    [
      [github.pullRequest('opened', 'eve/lens'), `${FORK}.git`],
      [github.pullRequest('synchronize', 'eve/lens'), `${FORK}.git`],
      [forgejo.pullRequest('synchronized', 'eve/lens'), `${FORK}.git`],
      [gitlab.mergeRequest('open', {}, 'eve/lens'), `${FORK}.git`],
      [gitlab.mergeRequest('update', { oldrev: ZEROS }, 'eve/lens'), `${FORK}.git`],
    ] as const
  ).map(([payload, url]): (typeof TABLE)[number] => [
    `${payload.forge}: a pull request from a fork (${payload.event})`,
    payload,
    ['lens', 'lens-cap'].map((name) => `${name} :pr:7 ${SHA} ${url}`),
    ['lens', 'lens-cap'].map((name) => `${name}: pull request 7 at ${SHORT}`),
  ]),
  [
    'bitbucket: a pull request from a fork',
    bitbucket.pullRequest('pullrequest:created', 'eve/lens'),
    ['lens', 'lens-cap'].map((name) => `${name} :pr:7 ${SHORT} ${FORK}`),
    ['lens', 'lens-cap'].map((name) => `${name}: pull request 7 at ${SHORT}`),
  ],
  [
    'bitbucket: a pull request of the repository itself',
    bitbucket.pullRequest('pullrequest:updated'),
    ['lens', 'lens-cap'].map((name) => `${name} :pr:7 ${SHORT}`),
    ['lens', 'lens-cap'].map((name) => `${name}: pull request 7 at ${SHORT}`),
  ],
  [
    'github: a pull request for another branch',
    github.pullRequest('opened', 'dana/lens', 'next'),
    [`lens :pr:7 ${SHA}`],
    [
      `lens: pull request 7 at ${SHORT}`,
      'lens-cap: pull request 7 is for the branch next, which does not end with the committish main',
    ],
  ],
  [
    'github: a closed pull request',
    github.pullRequest('closed'),
    [],
    ['pull request 7 was changed (closed) without new commits'],
  ],
  [
    'gitlab: a merge request with another title',
    gitlab.mergeRequest('update'),
    [],
    ['merge request 7 was changed (update) without new commits'],
  ],
]

for (const [title, payload, want, log] of TABLE)
  test(`${title} starts [${want.join(', ')}], and the log says why`, async () => {
    await using t = await open()
    const response = await send(t, payload)
    assert.deepEqual([response.status, await response.text()], [200, 'OK'])
    assert.deepEqual(await builds(t), want)
    const { items } = await t.get<Log>('/api_3/webhook/deliveries/dana/telescope', { as: 'dana' })
    const [{ outcome, reason, decisions } = assert.fail('no delivery'), ...more] = items
    assert.equal(more.length, 0)
    assert.equal(outcome, want.length > 0 ? 'built' : 'ignored')
    const said = decisions.map((each) => `${each.package}: ${each.reason}`)
    assert.deepEqual([...(reason === null ? [] : [reason]), ...said], log)
  })

test('the delivery log names a repository that matches no package', async () => {
  await using t = await open()
  const other = github.push()
  other.body['repository'] = github.repository('eve/lens')
  await send(t, other)
  const { items } = await t.get<Log>('/api_3/webhook/deliveries/dana/telescope', { as: 'dana' })
  assert.equal(
    items[0]?.reason,
    'no package of this project has the source SCM with the clone URL https://git.example.org/eve/lens.git',
  )
})

for (const first of ['create', 'push'])
  test(`a tag is built once, although the forge reports it by two events, first by ${first}`, async () => {
    await using t = await open()
    const events = [github.create(TAG), github.push({ ref: `refs/tags/${TAG}`, files: [] })]
    for (const event of first === 'create' ? events : events.toReversed())
      assert.equal((await send(t, event)).status, 200)
    assert.deepEqual(await builds(t), [`lens ${TAG}`])
  })

test('a webhook URL that names a package builds that package for any tag', async () => {
  await using t = await open()
  await send(t, gitlab.tag('v2'), 'lens-cap/')
  assert.deepEqual(await builds(t), ['lens-cap v2'])
})

test('Gitea has its own webhook URL, and JSON in the form field `payload` is accepted', async () => {
  await using t = await open()
  const { headers, body } = forgejo.push()
  const response = await t.ask(`/webhooks/gitea/1/${SECRET}`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ payload: JSON.stringify(body) }).toString(),
  })
  assert.equal(response.status, 200)
  assert.deepEqual(await builds(t), [`lens ${SHA}`])
})
