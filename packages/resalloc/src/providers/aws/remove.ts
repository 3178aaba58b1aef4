import {
  CancelSpotInstanceRequestsCommand,
  DeleteKeyPairCommand,
  DeleteNetworkInterfaceCommand,
  DeleteSecurityGroupCommand,
  DeleteVolumeCommand,
  type EC2Client,
} from '@aws-sdk/client-ec2'
import type { Listed } from '../provider.ts'
import type { Ec2Api } from './ec2-api.ts'
import { isMissing } from './error-classes.ts'

type Remove = (
  client: EC2Client,
  id: string,
  options: { abortSignal: AbortSignal },
) => Promise<unknown>

/** Kind of resource other than a machine → function that removes it. */
const REMOVE: Readonly<Record<string, Remove>> = {
  volume: async (client, VolumeId, options) =>
    await client.send(new DeleteVolumeCommand({ VolumeId }), options),
  network_interface: async (client, NetworkInterfaceId, options) =>
    await client.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId }), options),
  spot_request: async (client, id, options) =>
    await client.send(
      new CancelSpotInstanceRequestsCommand({ SpotInstanceRequestIds: [id] }),
      options,
    ),
  key_pair: async (client, KeyName, options) =>
    await client.send(new DeleteKeyPairCommand({ KeyName }), options),
  security_group: async (client, GroupId, options) =>
    await client.send(new DeleteSecurityGroupCommand({ GroupId }), options),
}

/** Removes a resource. Fails while the resource is still in use; the next sweep then retries the removal. */
export async function removeThing(api: Ec2Api, listed: Listed, signal: AbortSignal): Promise<void> {
  const remove = REMOVE[listed.kind]
  if (!remove) throw new Error(`Cannot remove a ${listed.kind}: unknown kind of EC2 resource`)
  signal.throwIfAborted()
  if (listed.state === 'ended') return
  try {
    await api.call(
      'mutate',
      async (client, options) => await remove(client, listed.provider_id, options),
      signal,
    )
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}
