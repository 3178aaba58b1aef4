import { TerminateInstancesCommand } from '@aws-sdk/client-ec2'
import type { Ec2Api } from './ec2-api.ts'
import { codeOf } from './error-classes.ts'
import { shareNext } from './shared-call.ts'

/** Instances per call. EC2 accepts a thousand; smaller calls are answered sooner. */
const BATCH = 200

/** Terminates instances; those requested while a call runs are batched into the next one. */
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

/** Terminates a batch. If one instance does not exist, EC2 rejects the whole call; the batch is then bisected. */
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
