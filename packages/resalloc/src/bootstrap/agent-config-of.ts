import { AgentConfig } from '@copr/contract/agent-config'
import type { BootConfig } from '../providers/provider.ts'

/** Settings that depend on how the agent was installed, not on the machine. */
type Place = Pick<AgentConfig, 'enroll_token_file' | 'scratch_dir' | 'state_dir' | 'at_end'>

/** Returns the agent's configuration for a machine; `place` is specific to the way in which the agent was installed. */
export function agentConfigOf(boot: BootConfig, place: Place): AgentConfig {
  const { gateway_url, trusted_ca, name, arches, tags, dead_man, single_use } = boot
  // A machine that runs several builds uses the native engine. mock isolates builds less, so a machine that used mock must not run another
  // build.
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
