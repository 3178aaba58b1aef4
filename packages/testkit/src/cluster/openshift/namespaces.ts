import { type ControlLoop, startControlLoop } from '../control-loop.ts'
import type { KubeClient } from '../kube-client.ts'

const RANGE = 'openshift.io/sa.scc.uid-range'
const FIRST = 1_000_650_000
const SIZE = 10_000

/** Assigns a range of user IDs to each namespace, as OpenShift does. */
export function startNamespaceRanges(client: KubeClient): ControlLoop {
  let next = FIRST
  return startControlLoop({
    client,
    kinds: [['v1', 'Namespace']],
    step: async () => {
      const all = await client.list('v1', 'Namespace')
      for (const namespace of all.filter(({ metadata }) => !metadata.annotations?.[RANGE])) {
        const range = `${next}/${SIZE}`
        next += SIZE
        const annotations = { [RANGE]: range, 'openshift.io/sa.scc.supplemental-groups': range }
        await client.patch(namespace, { metadata: { annotations } })
      }
      return undefined
    },
  })
}
