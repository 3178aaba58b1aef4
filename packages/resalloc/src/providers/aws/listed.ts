/** Converts EC2's listings to the provider contract's `Listed`. */
import type {
  Instance,
  KeyPairInfo,
  NetworkInterface,
  SecurityGroup,
  SpotInstanceRequest,
  Volume,
} from '@aws-sdk/client-ec2'
import type { Listed } from '../provider.ts'
import { ownerOf } from './ownership-tags.ts'

type State = Listed['state']

const STATE_OF_INSTANCE: Readonly<Record<string, State>> = {
  pending: 'starting',
  running: 'running',
  'shutting-down': 'stopping',
  // An instance that somebody else stops counts as running until the manager finds it lost, because its volume still costs money.
  stopping: 'running',
  stopped: 'running',
  terminated: 'ended',
}

/** EC2's state reason → why an instance ended. A launch that EC2 accepted may still fail. */
const CAUSE_OF: Readonly<Record<string, NonNullable<Listed['cause']>>> = {
  'Server.SpotInstanceTermination': 'interrupted',
  'Server.SpotInstanceShutdown': 'interrupted',
  'Server.ScheduledStop': 'interrupted',
  'Server.InsufficientInstanceCapacity': 'no_capacity',
  'Client.InstanceInitiatedShutdown': 'powered_off',
  'Client.UserInitiatedShutdown': 'stopped',
  'Server.InternalError': 'failed',
  'Client.VolumeLimitExceeded': 'failed',
  'Client.InternalError': 'failed',
  'Client.InvalidSnapshot.NotFound': 'failed',
}

export function listedInstance(instance: Instance): Listed {
  const { InstanceId = '', Tags, LaunchTime, State, StateReason } = instance
  const state = STATE_OF_INSTANCE[State?.Name ?? ''] ?? 'running'
  const ending = state === 'stopping' || state === 'ended'
  const { machine_id, pool, launch_token, expires_at } = ownerOf(Tags)
  return {
    kind: 'machine',
    provider_id: InstanceId,
    machine_id,
    pool,
    launch_token,
    created_at: LaunchTime,
    expires_at,
    state,
    cause: ending ? CAUSE_OF[StateReason?.Code ?? ''] : undefined,
    message: ending ? (StateReason?.Message ?? StateReason?.Code) : undefined,
    data: {},
  }
}

export function listedVolume({ VolumeId = '', Tags, CreateTime, State }: Volume): Listed {
  const state = State === 'deleted' ? 'ended' : State === 'deleting' ? 'stopping' : 'running'
  return listedThing('volume', VolumeId, Tags, state, CreateTime)
}

export function listedInterface({
  NetworkInterfaceId = '',
  TagSet,
  Attachment,
}: NetworkInterface): Listed {
  return listedThing(
    'network_interface',
    NetworkInterfaceId,
    TagSet,
    'running',
    Attachment?.AttachTime,
  )
}

export function listedSpotRequest(request: SpotInstanceRequest): Listed {
  const { SpotInstanceRequestId = '', Tags, CreateTime, State } = request
  const state = State === 'open' || State === 'active' ? 'running' : 'ended'
  return listedThing('spot_request', SpotInstanceRequestId, Tags, state, CreateTime)
}

export function listedKeyPair({ KeyName = '', Tags, CreateTime }: KeyPairInfo): Listed {
  return listedThing('key_pair', KeyName, Tags, 'running', CreateTime)
}

export function listedSecurityGroup({ GroupId = '', Tags }: SecurityGroup): Listed {
  return listedThing('security_group', GroupId, Tags, 'running', undefined)
}

function listedThing(
  kind: string,
  provider_id: string,
  tags: Instance['Tags'],
  state: State,
  created_at: Date | undefined,
): Listed {
  const { machine_id, pool, expires_at } = ownerOf(tags)
  return { kind, provider_id, machine_id, pool, created_at, expires_at, state, data: {} }
}
