/** Documented behavior of EC2 that the test server does not implement. */
import { createHash } from 'node:crypto'

export interface Ec2Error {
  readonly code: string
  readonly message: string
  readonly status: number
}

export interface Answer {
  readonly status: number
  readonly body: string
}

interface Launch {
  readonly digest: string
  readonly answer: Answer
}

/** Returns a function that responds to calls as EC2 does. `consoles` maps instance IDs to console output. */
export function ec2Rules(upstream: string, consoles: ReadonlyMap<string, string>) {
  const launch = tokenKeeper(upstream)
  return async (form: URLSearchParams, authorization: string): Promise<Answer> => {
    const send = async (): Promise<Answer> =>
      await forward(upstream, form.toString(), authorization)
    if (form.get('Action') === 'RunInstances') return await launch(form, authorization, send)
    if (form.get('Action') === 'TerminateInstances')
      return await terminate(upstream, form, authorization)
    const rule = RULES[form.get('Action') ?? '']
    if (rule) return await rule({ upstream, form, authorization, consoles })
    return await send()
  }
}

interface Call {
  upstream: string
  form: URLSearchParams
  authorization: string
  consoles: ReadonlyMap<string, string>
}

const RULES: Record<string, (call: Call) => Promise<Answer>> = {
  /** The test server would return the same output for every machine. */
  async GetConsoleOutput({ form, consoles }) {
    const id = form.get('InstanceId') ?? ''
    const output = Buffer.from(consoles.get(id) ?? '').toString('base64')
    const inner = `<instanceId>${id}</instanceId><output>${output}</output>`
    return {
      status: 200,
      body: `<GetConsoleOutputResponse>${inner}</GetConsoleOutputResponse>`,
    }
  },

  /** The test server accepts tags for images, but not for their snapshots, so the tags of snapshots are removed from the call. */
  async CreateImage({ upstream, form, authorization }) {
    const kept = new URLSearchParams(
      [...form].filter(([key]) => !key.startsWith('TagSpecification.2')),
    )
    return await forward(upstream, kept.toString(), authorization)
  },

  /** The test server would not delete the snapshots of an image together with the image. */
  async DeregisterImage({ upstream, form, authorization }) {
    const ask = async (call: string): Promise<Answer> =>
      await forward(upstream, `${call}&Version=2016-11-15`, authorization)
    const image = form.get('ImageId') ?? ''
    const described = await ask(`Action=DescribeImages&ImageId.1=${image}`)
    const answered = await forward(upstream, form.toString(), authorization)
    if (answered.status !== 200 || form.get('DeleteAssociatedSnapshots') !== 'true') return answered
    let results = ''
    for (const [, id] of described.body.matchAll(/<snapshotId>(snap-[0-9a-f]+)</g)) {
      await ask(`Action=DeleteSnapshot&SnapshotId=${id}`)
      results += `<item><snapshotId>${id}</snapshotId><returnCode>success</returnCode></item>`
    }
    const inner = `<return>true</return><deleteSnapshotResultSet>${results}</deleteSnapshotResultSet>`
    return { status: 200, body: `<DeregisterImageResponse>${inner}</DeregisterImageResponse>` }
  },
}

/** Terminates instances. As in EC2, it is not an error if an instance has already ended. */
async function terminate(
  upstream: string,
  form: URLSearchParams,
  authorization: string,
): Promise<Answer> {
  const described = new URLSearchParams(form)
  described.set('Action', 'DescribeInstances')
  const states = await forward(upstream, described.toString(), authorization)
  if (states.status !== 200) return states
  const ids = [...form].filter(([key]) => key.startsWith('InstanceId.'))
  for (const [key] of ids) form.delete(key)
  const living = ids.filter(([, id]) => !hasEnded(states.body, id))
  if (living.length === 0)
    return {
      status: 200,
      body: '<TerminateInstancesResponse><instancesSet/></TerminateInstancesResponse>',
    }
  for (const [at, [, id]] of living.entries()) form.set(`InstanceId.${at + 1}`, id)
  return await forward(upstream, form.toString(), authorization)
}

function hasEnded(described: string, id: string): boolean {
  const from = described.indexOf(`<instanceId>${id}<`)
  const state = /<instanceState>.*?<name>([a-z-]+)</s.exec(described.slice(from))?.[1]
  return state === 'terminated' || state === 'shutting-down'
}

/**
 * Implements RunInstances with client tokens as EC2 documents them. A repeated request returns the result of the first one. A different
 * request with the same token is refused, and so is a request whose instance has already ended. If a request specifies a subnet, its token
 * is scoped to the subnet.
 */
function tokenKeeper(upstream: string) {
  const launches = new Map<string, Promise<Launch>>()
  return async (
    form: URLSearchParams,
    authorization: string,
    send: () => Promise<Answer>,
  ): Promise<Answer> => {
    const token = form.get('ClientToken')
    if (token === null) return await send()
    const subnet = form.get('NetworkInterface.1.SubnetId') ?? form.get('SubnetId') ?? ''
    const scope = `${token} ${subnet}`
    const digest = createHash('sha256').update(form.toString()).digest('hex')
    const known = launches.get(scope)
    if (!known) {
      const made = send().then((answer) => ({ digest, answer }))
      launches.set(scope, made)
      const { answer } = await made
      // A refused request does not use up its token.
      if (answer.status !== 200) launches.delete(scope)
      return answer
    }
    const { digest: of_first, answer } = await known
    if (of_first !== digest) return errorAnswer(MISMATCH)
    const id = /<instanceId>(i-[0-9a-f]+)</.exec(answer.body)?.[1] ?? ''
    const state = await forward(
      upstream,
      `Action=DescribeInstances&Version=2016-11-15&InstanceId.1=${id}`,
      authorization,
    )
    return hasEnded(state.body, id) ? errorAnswer(TERMINATED) : answer
  }
}

const MISMATCH = {
  code: 'IdempotentParameterMismatch',
  message: 'Arguments on this idempotent request are inconsistent with arguments used in previous',
  status: 400,
}
const TERMINATED = {
  code: 'IdempotentInstanceTerminated',
  message: 'The client token was used for an instance that has been terminated',
  status: 400,
}

async function forward(upstream: string, body: string, authorization: string): Promise<Answer> {
  const response = await fetch(upstream, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', authorization },
    body,
  })
  return { status: response.status, body: await response.text() }
}

export function errorAnswer({ code, message, status }: Ec2Error): Answer {
  const error = `<Error><Code>${code}</Code><Message>${message}</Message></Error>`
  return { status, body: `<Response><Errors>${error}</Errors><RequestID>r</RequestID></Response>` }
}
