import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where Debian and Fedora install the network plugins. */
export const CNI_DIRS = ['/usr/lib/cni', '/usr/libexec/cni']
export const PAUSE_IMAGE = 'registry.invalid/pause:1'

export interface NodeFiles {
  containerd: string
  socket: string
  kubelet: string
}

interface NodeSettings {
  dir: string
  nodeAddress: string
  podNetwork: string
  dnsAddress: string
  clientCa: string
}

/** Writes the configuration of containerd, the pod network and the kubelet. */
export function writeNodeFiles(settings: NodeSettings): NodeFiles {
  const { dir } = settings
  const files = { containerd: join(dir, 'containerd.toml'), kubelet: join(dir, 'kubelet.json') }
  // The socket is in the node's own /run, because the path of a socket must be short. That folder is initially empty.
  const socket = '/run/containerd.sock'
  writeFileSync(files.containerd, containerdConfig(dir, socket))
  writeFileSync(join(dir, 'cni', '10-pods.conflist'), JSON.stringify(podNetwork(settings)))
  writeFileSync(join(dir, 'resolv.conf'), `nameserver ${settings.dnsAddress}\n`)
  writeFileSync(files.kubelet, JSON.stringify(kubeletConfig(settings, socket)))
  return { ...files, socket }
}

function containerdConfig(dir: string, socket: string): string {
  const plugins = CNI_DIRS.find((each) => existsSync(each))
  return `version = 2
root = "${dir}/containerd"
state = "/run/containerd"
[grpc]
address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${PAUSE_IMAGE}"
# Without CAP_SYS_RESOURCE, a container cannot get a lower OOM score than containerd itself.
restrict_oom_score_adj = true
# The cgroups of the machine may be mixed or read-only: limits are left to a real node.
disable_cgroup = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "${plugins}"
conf_dir = "${dir}/cni"
`
}

function podNetwork({ podNetwork: subnet }: NodeSettings): object {
  const ipam = {
    type: 'host-local',
    ranges: [[{ subnet }]],
    routes: [{ dst: '0.0.0.0/0' }],
  }
  // Every packet is routed, because packets between two ports of a bridge would bypass the rules that implement Services.
  return { cniVersion: '1.0.0', name: 'pods', plugins: [{ type: 'ptp', ipam }] }
}

function kubeletConfig(
  { dir, nodeAddress, dnsAddress, clientCa }: NodeSettings,
  socket: string,
): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: nodeAddress,
    healthzPort: 0,
    containerRuntimeEndpoint: `unix://${socket}`,
    // Any version of cgroups will do, as in containerd's configuration.
    failCgroupV1: false,
    cgroupDriver: 'cgroupfs',
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    localStorageCapacityIsolation: false,
    failSwapOn: false,
    evictionHard: { 'memory.available': '1Mi' },
    clusterDNS: [dnsAddress],
    clusterDomain: 'cluster.local',
    resolvConf: join(dir, 'resolv.conf'),
    podLogsDir: join(dir, 'pod-logs'),
    authentication: { anonymous: { enabled: false }, x509: { clientCAFile: clientCa } },
    authorization: { mode: 'Webhook' },
    syncFrequency: '5s',
    serializeImagePulls: false,
  }
}
