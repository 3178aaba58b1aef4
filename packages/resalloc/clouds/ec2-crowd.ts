/**
 * A fake of EC2 with thousands of instances, which the general test server would take minutes to list. It supports only listing and
 * terminating instances.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { TAG } from '../src/providers/aws/ownership-tags.ts'

export interface Ec2Crowd extends AsyncDisposable {
  readonly url: string
  readonly calls: ReadonlyMap<string, number>
  living(): number
  /** The number of the first page of instances to which access is denied; undefined if all pages are served. */
  denyFromPage: number | undefined
}

/** Starts the server; its instances belong to the installation `crowd`, and are numbered from 1. */
export async function startEc2Crowd(count: number): Promise<Ec2Crowd> {
  const calls = new Map<string, number>()
  const states = new Map(
    Array.from({ length: count }, (_, at) => [idOf(at + 1), { number: at + 1, state: 'running' }]),
  )
  const crowd: Pick<Ec2Crowd, 'denyFromPage'> = { denyFromPage: undefined }

  const describe = (form: URLSearchParams): { status: number; body: string } => {
    const size = Number(form.get('MaxResults') ?? count)
    const page = Number(form.get('NextToken') ?? 0)
    if (crowd.denyFromPage !== undefined && page >= crowd.denyFromPage) return DENIED
    const shown = [...states].slice(page * size, (page + 1) * size)
    const next = (page + 1) * size < count ? `<nextToken>${page + 1}</nextToken>` : ''
    const items = shown.map(([id, { number, state }]) => instanceXml(id, number, state)).join('')
    const set = `<reservationSet><item><instancesSet>${items}</instancesSet></item></reservationSet>`
    return answer('DescribeInstances', set + next)
  }
  const terminate = (form: URLSearchParams): { status: number; body: string } => {
    const ids = [...form].filter(([key]) => key.startsWith('InstanceId.')).map(([, id]) => id)
    if (ids.some((id) => !states.has(id))) return NOT_FOUND
    for (const id of ids) {
      const each = states.get(id)
      if (each) each.state = 'shutting-down'
    }
    return answer('TerminateInstances', '<instancesSet/>')
  }
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const form = new URLSearchParams(body)
      const action = form.get('Action') ?? ''
      calls.set(action, (calls.get(action) ?? 0) + 1)
      const { status, body: xml } =
        action === 'DescribeInstances'
          ? describe(form)
          : action === 'TerminateInstances'
            ? terminate(form)
            : answer(action, '')
      response.writeHead(status, { 'content-type': 'text/xml' }).end(xml)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Cannot listen')
  return Object.assign(crowd, {
    url: `http://127.0.0.1:${address.port}`,
    calls,
    living: () => [...states.values()].filter(({ state }) => state === 'running').length,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  })
}

function idOf(number: number): string {
  return `i-${number.toString(16).padStart(17, '0')}`
}

function instanceXml(id: string, number: number, state: string): string {
  const tag = (key: string, value: string): string =>
    `<item><key>${key}</key><value>${value}</value></item>`
  const tags = tag(TAG.installation, 'crowd') + tag(TAG.pool, 'aws') + tag(TAG.machine, `${number}`)
  return (
    `<item><instanceId>${id}</instanceId><instanceState><name>${state}</name></instanceState>` +
    `<launchTime>2026-01-02T03:04:05.000Z</launchTime><tagSet>${tags}</tagSet></item>`
  )
}

function answer(action: string, inner: string): { status: number; body: string } {
  return { status: 200, body: `<${action}Response>${inner}</${action}Response>` }
}

function refusal(status: number, code: string): { status: number; body: string } {
  const error = `<Error><Code>${code}</Code><Message>No</Message></Error>`
  return { status, body: `<Response><Errors>${error}</Errors><RequestID>r</RequestID></Response>` }
}

const DENIED = refusal(403, 'UnauthorizedOperation')
const NOT_FOUND = refusal(400, 'InvalidInstanceID.NotFound')
