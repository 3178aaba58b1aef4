import { isSameRepository, pathOnForge } from '@copr/contract/repository-url'
import { CoprError } from '@copr/process/errors'
import { PAYLOADS } from '../../../packages/frontend/src/testing/forge-payloads.ts'
import type { Header } from '../../../packages/frontend/src/webhooks/forges/forge-event.ts'
import { type Forge, FORGES } from '../../../packages/frontend/src/webhooks/forges/forges.ts'
import { isSourceOf, matchPackage } from '../../../packages/frontend/src/webhooks/match-package.ts'
import { eventsOf, keptBody } from '../../../packages/frontend/src/webhooks/received-delivery.ts'
import { verifySignature } from '../../../packages/frontend/src/webhooks/verify-signature.ts'
import { mutateJson } from '../mutate-json.ts'
import { type FuzzTarget, refusing } from '../target.ts'
import { requireClean } from './request.ts'

const WORDS = [
  'ref',
  'refs/heads/main',
  'refs/tags/lens-1.2',
  'lens-1.2-3',
  'lens__1_2--3',
  '0'.repeat(40),
  'da1560886d4f094c3e6c9ef40349f7d38b5d27d7',
  '--upload-pack=x',
  'https://git.example.org/dana/lens.git',
  'git@git.example.org:dana/lens',
  'ssh://git@[::1]:22//lens',
  'ext::sh -c id',
  'commits',
  'clone_url',
  'git_http_url',
  'object_kind',
  'merge_request',
  'tag_push',
  'pull_request',
  'synchronized',
  'secret',
  '__proto__',
  'x'.repeat(2001),
]
const PACKAGE = {
  name: 'lens',
  source_json: {
    clone_url: 'https://git.example.org/dana/lens.git',
    committish: 'main',
    subdirectory: './pack/',
  },
  webhook_rebuild: true,
}
const NOW = new Date('2026-11-22T12:00:00Z')

/** Webhooks of forges. An input is a line with the forge and the event, followed by the body. */
export const webhook: FuzzTarget = {
  name: 'webhook',
  words: [...WORDS, '{', '}', '[', ']', ',', ':', 'payload=', '%7B', String.raw`\ud800`],
  seeds: () => [
    ...PAYLOADS.map(({ forge, event, body }) =>
      Buffer.from(`${forge} ${event}\n${JSON.stringify(body)}`),
    ),
    Buffer.from('forgejo push form\npayload=%7B%22secret%22%3A%22x%22%7D'),
  ],
  mutate(input, random) {
    const end = input.indexOf('\n') + 1
    const body = mutateJson(input.subarray(end), random, WORDS)
    return body && Buffer.concat([input.subarray(0, end), body])
  },
  async run(input) {
    const end = Math.max(0, input.indexOf('\n'))
    const [name = '', ...words] = input
      .subarray(0, end)
      .toString('latin1')
      // HTTP headers cannot contain control characters.
      .replaceAll(/\p{Cc}/gu, '')
      .split(' ')
    const forge: Forge = Object.hasOwn(FORGES, name) ? (name as Forge) : 'github'
    const isForm = words.at(-1) === 'form'
    const event = (isForm ? words.slice(0, -1) : words).join(' ')
    const body = input.subarray(end + 1)
    const header: Header = (each) =>
      each === 'content-type' && isForm ? 'application/x-www-form-urlencoded' : event
    verifySignature(forge, { header, body, secret: 'whsec_AAAA', now: NOW })
    keptBody({ header, body })
    await refusing(() => {
      const parsed = eventsOf(forge, { header, body })
      requireClean(parsed)
      for (const each of typeof parsed === 'string' ? [] : parsed) {
        isSourceOf(each, PACKAGE)
        for (const pull_requests of ['all', 'own'] as const)
          matchPackage(PACKAGE, each, { named: undefined, pull_requests })
        for (const url of [...each.urls, ...(each.pull_request?.source_urls ?? [])]) {
          pathOnForge(url, 'https://git.example.org/')
          if (isSameRepository(url, url) !== (url.trim() !== ''))
            throw new Error(`${url} is not the same as itself`)
        }
      }
    }, CoprError)
  },
}
