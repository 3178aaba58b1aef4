import { AgentConfig } from '@copr/contract/agent-config'
import type { BootConfig } from '../providers/provider.ts'

/** Settings that depend on how the agent was installed, not on the machine. */
type Place = Pick<AgentConfig, 'enroll_token_file' | 'scratch_dir' | 'state_dir' | 'at_end'>

/** Returns the agent's configuration on a machine, however the agent was installed there. */
export function agentConfigOf(boot: BootConfig, place: Place): AgentConfig {
  const { gateway_url, trusted_ca, name, arches, tags, dead_man, single_use } = boot
  // A build in mock has less of a sandbox than one of the native engine, so no other may follow it on its machine.
  const engine = single_use === false ? 'native' : 'auto'
  return AgentConfig.parse({
    gateway_url,
    trusted_ca,
    name,
    arches,
    tags,
    engine,
    dead_man,
    ...place,
  })
}
