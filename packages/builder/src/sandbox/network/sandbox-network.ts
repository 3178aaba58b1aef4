import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AddressRules } from '@copr/process/guarded/address-rules'
import { startUserNetwork, type UserNetwork } from './user-network.ts'

/** A network namespace with user-mode networking. A sandbox joins it through the descriptor. */
export interface SandboxNetwork extends Pick<UserNetwork, 'resolv_conf' | 'lost'>, AsyncDisposable {
  namespace: FileHandle
}

/** Makes the network of a sandbox. `uid` is the user ID of slirp4netns, and must not be one of the sandbox's own IDs. */
export async function openSandboxNetwork(
  rules: AddressRules,
  { uid, signal }: { uid: number; signal: AbortSignal },
): Promise<SandboxNetwork> {
  await using stack = new AsyncDisposableStack()
  const dir = await mkdtemp(join(tmpdir(), 'copr-network-'))
  stack.defer(() => rm(dir, { recursive: true, force: true }))
  const namespace = stack.use(await newNetworkNamespace())
  const network = stack.use(
    await startUserNetwork({
      network_namespace: `/proc/${process.pid}/fd/${namespace.fd}`,
      uid,
      gid: uid,
      rules,
      dir,
      signal,
    }),
  )
  const held = stack.move()
  return {
    namespace,
    resolv_conf: network.resolv_conf,
    lost: network.lost,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** Makes a network namespace that belongs to the machine's user namespace, so that no process in the sandbox has capabilities over it. */
async function newNetworkNamespace(): Promise<FileHandle> {
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    const [event] = (await Promise.race([
      once(holder.stdout, 'data'),
      once(holder, 'close'),
    ])) as unknown[]
    if (!Buffer.isBuffer(event)) throw new Error('Cannot create a network namespace for a sandbox')
    return await open(`/proc/${holder.pid}/ns/net`, 'r')
  } finally {
    holder.stdin.end()
  }
}
