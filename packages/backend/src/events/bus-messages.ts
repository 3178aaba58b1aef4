import { BuildEventData, SOURCE_CHROOT } from '@copr/contract/events'
import { STATE_NUMBER } from '@copr/contract/states'
import type { Delivery } from '@copr/domain/outbox/queues'
import { createHash } from 'node:crypto'

/** The severities of Fedora Messaging. */
const DEBUG = 10
const INFO = 20

/** A message of a kind that Copr publishes; the schemas are in the Python package copr-messaging. */
export interface BusMessage {
  topic: 'copr.build.start' | 'copr.build.end' | 'copr.chroot.start'
  message_id: string
  headers: Record<string, string | number | boolean>
  body: Record<string, unknown>
}

/**
 * Returns the messages for an event. A start event has two: `copr.chroot.start` repeats `copr.build.start` for old listeners. A message
 * keeps its id when it is published again, so that listeners can recognize duplicates.
 */
export function busMessages({ message_id, event, data, created_at }: Delivery): BusMessage[] {
  const build = BuildEventData.parse(data)
  const make = (topic: BusMessage['topic'], id: string): BusMessage => {
    const body = bodyOf(build, topic)
    return { topic, message_id: id, headers: headersOf(topic, body, created_at), body }
  }
  if (event.endsWith('.finished')) return [make('copr.build.end', message_id)]
  return [make('copr.build.start', message_id), make('copr.chroot.start', derivedId(message_id))]
}

/** As in Copr, the status of a canceled build is failed, and that of a started build is running. */
function statusOf(topic: BusMessage['topic'], state: string): number {
  if (topic !== 'copr.build.end') return STATE_NUMBER.running
  return state === 'succeeded' ? STATE_NUMBER.succeeded : STATE_NUMBER.failed
}

function bodyOf(data: BuildEventData, topic: BusMessage['topic']): Record<string, unknown> {
  const { ownername: owner, projectname: copr, build_id: build, submitter: user } = data
  const chroot = data.chroot ?? SOURCE_CHROOT
  const { name: pkg } = data.package
  // Listeners split the version into version and release, and fail if there is no release.
  const version = data.package.version?.includes('-') ? data.package.version : null
  const verb =
    topic === 'copr.build.end'
      ? 'build end'
      : `${chroot === SOURCE_CHROOT ? 'source' : 'chroot'} start`
  return {
    build,
    chroot,
    owner,
    copr,
    pkg,
    version,
    user,
    status: statusOf(topic, data.state),
    what: `${verb}: user:${user} copr:${owner}/${copr} build:${build} pkg:${pkg} version:${version} chroot:${chroot}`,
    // Placeholders: the addresses of builders are not public, and no process of the backend waits for a build.
    ip: null,
    who: 'copr.backend',
    pid: 0,
  }
}

function headersOf(
  topic: BusMessage['topic'],
  { user, owner }: Record<string, unknown>,
  created_at: Date,
): BusMessage['headers'] {
  const concerned = [user, owner].filter(
    (name) => typeof name === 'string' && !/^@|:/.test(name),
  ) as string[]
  return {
    fedora_messaging_schema: topic,
    fedora_messaging_schema_package: 'copr_messaging',
    fedora_messaging_severity: topic === 'copr.chroot.start' ? DEBUG : INFO,
    'sent-at': created_at.toISOString().replace(/\.\d+Z$/, '+00:00'),
    priority: 0,
    ...Object.fromEntries(concerned.map((name) => [`fedora_messaging_user_${name}`, true])),
  }
}

/** Derives the UUID of a second message from the first message's id, in the layout of version 8. */
function derivedId(message_id: string): string {
  const hex = createHash('sha256').update(`copr.chroot.start ${message_id}`).digest('hex')
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}
