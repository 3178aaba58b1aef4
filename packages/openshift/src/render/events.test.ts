import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Vars } from '@copr/contract/deployment/vars'
import { sampleFacts } from '../testing/facts.ts'
import { render } from './render.ts'

const SECRET = { secret: 'canary-secret', key: 'password' }
const OBJECTS = render(
  Vars.parse({
    events: {
      amqp: {
        url: 'amqps://copr@rabbitmq.example.org:5999/%2Fpubsub',
        topic_prefix: 'org.example',
        password: SECRET,
        client_certificate: 'client',
      },
      mail: { url: 'smtp://mail.example.org', from: 'copr@example.org', password: SECRET },
    },
  }),
  sampleFacts('kubernetes'),
)
/** Returns the volumes of all pods in the given objects. */
function volumesIn(value: unknown): { name: string }[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, each]) =>
    key === 'volumes' && Array.isArray(each) ? each : volumesIn(each),
  )
}

const textOf = (kind: string, name: string): string =>
  JSON.stringify(OBJECTS.find((each) => each.kind === kind && each.metadata.name === name))

test('only the backend gets the passwords of the broker and the mail server, and only as files', () => {
  const sources = (program: string): number =>
    volumesIn(OBJECTS)
      .filter(({ name }) => name === `config-${program}`)
      .flatMap((volume) => JSON.stringify(volume).match(/canary-secret/g) ?? []).length
  assert.equal(sources('backend'), 2)
  for (const name of ['frontend', 'distgit', 'keygen']) assert.equal(sources(name), 0, name)
})

test('the backend gets its configuration with password files, and the frontend knows that mail is sent', () => {
  const { data } = OBJECTS.find(({ metadata }) => metadata.name === 'programs') as unknown as {
    data: Record<string, string>
  }
  const backend = data['backend.yaml'] ?? ''
  for (const line of [
    'url: amqps://copr@rabbitmq.example.org:5999/%2Fpubsub',
    'topic_prefix: org.example',
    'from_file: /etc/copr/amqp/password',
    'certificate_file: /etc/copr/amqp-client/tls.crt',
    'from_file: /etc/copr/mail/password',
  ])
    assert.ok(backend.includes(line), line)
  assert.match(data['frontend.yaml'] ?? '', /mail:\n\s+url: smtp:\/\/mail\.example\.org\n/)
  assert.doesNotMatch(data['frontend.yaml'] ?? '', /amqp|mail\/password/)
})

test('the backend may connect to the ports of the broker and the mail server, and to webhooks at public addresses only', () => {
  const policy = textOf('NetworkPolicy', 'backend-out')
  for (const port of [5999, 587]) assert.ok(policy.includes(`{"protocol":"TCP","port":${port}}`))
  assert.match(policy, /"except":\["10\.0\.0\.0\/8"/)
  assert.doesNotMatch(textOf('NetworkPolicy', 'frontend-out'), /5999|587/)
})
