import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentConfig } from '@copr/contract/agent-config'
import type { z } from 'zod'
import { type Place, type PodmanPod, podName } from './place.ts'
import { buildersUrl } from './podman-pods.ts'
import type { Podman } from './podman.ts'
import { makeVolume } from './secret-volumes.ts'

/** The folder of the agent's configuration and enrollment token. */
const AGENT_DIR = '/etc/copr-builder'
export const AGENT_COMMAND = [
  '/usr/bin/tini',
  '--',
  'node',
  '/opt/copr/packages/builder/src/main.ts',
  `${AGENT_DIR}/agent.json`,
]
/** Longer than anyone keeps a container: builders are stopped by the user of this machine, not by a deadline. */
const YEARS_SECONDS = 10 * 365 * 86_400

/** Creates the volume with a new builder's configuration and one-time enrollment token. */
export async function prepareBuilder(
  podman: Podman,
  place: Place,
  { pod, enroll_token }: { pod: PodmanPod; enroll_token: string },
): Promise<void> {
  const volume = `${pod.name}-agent`
  await podman.try(['volume', 'rm', '--force', volume])
  const dir = await makeVolume(podman, place, { volume, keeps: 'nothing' })
  const agent: z.input<typeof AgentConfig> = {
    gateway_url: buildersUrl(place),
    name: pod.name,
    arches: [process.arch === 'arm64' ? 'aarch64' : 'x86_64'],
    enroll_token_file: `${AGENT_DIR}/enroll-token`,
    scratch_dir: '/var/lib/copr-builder',
    state_dir: '/run/copr-builder',
    dead_man: {
      enroll_seconds: 3600,
      silence_seconds: YEARS_SECONDS,
      lifetime_seconds: YEARS_SECONDS,
    },
    at_end: 'exit',
  }
  writeFileSync(join(dir, 'agent.json'), JSON.stringify(agent), { mode: 0o400 })
  writeFileSync(join(dir, 'enroll-token'), enroll_token, { mode: 0o400 })
}

/** Runs coprctl in the container of a component that has access to the database. */
export async function coprctlInside(
  podman: Podman,
  place: Place,
  pods: PodmanPod[],
  args: string[],
): Promise<string> {
  const component = pods.some((pod) => pod.component === 'frontend') ? 'frontend' : 'servers'
  const container = `${podName(place, component)}-frontend`
  const config = ['--config', '/etc/copr/config/copr.yaml']
  return await podman.run(['exec', container, '/usr/local/bin/coprctl', ...args, ...config])
}
