import { AgentConfig } from '@copr/contract/agent-config'
import type { BootConfig } from '../providers/provider.ts'

/** Settings that depend on how the agent was installed, not on the machine. */
type Place = Pick<AgentConfig, 'enroll_token_file' | 'scratch_dir' | 'state_dir' | 'at_end'>

/** Returns the agent's configuration on a machine, however the agent was installed there. */
export function agentConfigOf(boot: BootConfig, place: Place): AgentConfig {
  const { gateway_url, trusted_ca, name, arches, tags, dead_man, single_use } = boot
  // mock isolates a build less than the native engine does, so no other build may follow on the same machine.
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
