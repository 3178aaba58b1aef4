import { TerminateInstancesCommand } from '@aws-sdk/client-ec2'
import type { Ec2Api } from './ec2-api.ts'
import { codeOf } from './error-classes.ts'
import { shareNext } from './shared-call.ts'

/** EC2 takes a thousand; smaller ones answer sooner. */
const BATCH = 200

/** Ends instances, as many in a call as are asked for while another call runs. */
export function terminator(api: Ec2Api) {
  let wanted = new Set<string>()
  const flush = shareNext(async (signal) => {
    const ids = [...wanted]
    wanted = new Set()
    for (let at = 0; at < ids.length; at += BATCH)
      await terminateAll(api, ids.slice(at, at + BATCH), signal)
  })
  return async (ids: readonly string[], signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted()
    if (ids.length === 0) return
    for (const id of ids) wanted.add(id)
    await flush(signal)
  }
}

/** One that does not exist any more makes the whole call fail: then by halves, down to that one. */
async function terminateAll(
  api: Ec2Api,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  if (ids.length === 0) return
  try {
    const command = new TerminateInstancesCommand({ InstanceIds: [...ids] })
    await api.call(
      'terminate',
      async (client, options) => await client.send(command, options),
      signal,
    )
  } catch (error) {
    if (!codeOf(error).startsWith('InvalidInstanceID.')) throw error
    if (ids.length === 1) return
    const half = Math.ceil(ids.length / 2)
    await terminateAll(api, ids.slice(0, half), signal)
    await terminateAll(api, ids.slice(half), signal)
  }
}
