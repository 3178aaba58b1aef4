import type { SandboxPhase } from '../oci-config.ts'
import type { Barrier } from './barriers.ts'

/**
 * Attempts to escape (escape/attempts/*.py), and the barriers that stop them: all of the attempts work once these barriers are removed, and
 * only then.
 */
export interface Control {
  /** `sandbox`: the attempts run without a sandbox, on the host itself, because even supervisor.py has a namespace of its own. */
  without: Barrier[] | 'sandbox'
  attempts: string[]
  /** Attempts against features that not every machine or kernel has. */
  optional?: string[]
  /** Default: all phases. */
  phases?: SandboxPhase[]
}

const NAMESPACES = ['mount', 'pid', 'ipc', 'uts', 'network', 'cgroup']
const each = (prefix: string, names: string[]): string[] =>
  names.map((name) => `${prefix}: ${name}`)
const FILES = ['agent', 'other_build', 'cached_layer']
const ROOT: Barrier[] = ['user_namespace', 'capabilities']

export const CONTROLS: Control[] = [
  {
    without: ['files'],
    attempts: [
      ...each('read a file', FILES),
      ...each('read a file by ..', FILES),
      'write through a symbolic link',
      'write through a hard link',
      'read a file left in /tmp: host',
      'read a file left in /dev/shm',
    ],
  },
  { without: ['files'], attempts: ["read the host's /etc/shadow"], phases: ['tools', 'root'] },
  { without: ['neighbor_tmp'], attempts: ['read a file left in /tmp: neighbor'] },
  { without: ['read_only_programs', 'build_user'], attempts: ["write into the host's programs"] },
  { without: ['closed_descriptors'], attempts: ['read through an inherited descriptor'] },
  {
    without: ['seccomp', 'mount_namespace', 'masked_paths', ...ROOT],
    attempts: ['leave by chroot and fchdir'],
  },
  {
    without: ['pid_namespace', 'seccomp', 'build_user', ...ROOT],
    attempts: [
      "read through another process's root or working directory",
      'resolve a path of the host by openat2 without limits',
      'see a process outside',
      'signal a process outside',
      'trace a process outside',
      "read another process's memory by process_vm_readv",
      "open another process's memory",
      "read another process's environment",
      'signal a process by a descriptor',
      "take another process's descriptor",
      "compare descriptors with another process's",
      "change another process's limits",
      "enter another process's namespaces",
    ],
  },
  { without: 'sandbox', attempts: each('signal a process by its id', ['host', 'neighbor']) },
  ...(['host', 'neighbor'] as const).flatMap((where): Control[] => [
    {
      without: [`${where}_ipc`],
      attempts: [
        `attach shared memory: ${where}`,
        `receive a message: ${where}`,
        `open a POSIX message queue: ${where}`,
      ],
    },
    {
      without: [where === 'host' ? 'network_namespace' : 'neighbor_network'],
      attempts: [`connect to an abstract socket: ${where}`, `connect to the loopback: ${where}`],
      ...(where === 'host' && { optional: ["connect to the host's other addresses"] }),
    },
  ]),
  {
    without: ['seccomp'],
    attempts: [
      'leave a key for the next build',
      "find an earlier build's key",
      'request a key',
      'keyctl',
      'get the handle of a file',
      ...['unshare', 'clone', 'clone3', '32-bit unshare'].map((way) => `${way}: user`),
      'fanotify',
      'vmsplice',
      'quotactl',
      ...each('open a socket', ['netlink uevent']),
    ],
    optional: [
      'io_uring',
      'userfaultfd',
      ...each('open a socket', ['netlink netfilter', 'netlink audit', 'netlink diagnostics']),
      ...each('open a socket', ['VSOCK', 'ALG', 'SCTP', 'UDP-Lite', 'TIPC', 'Bluetooth']),
      ...['clone', 'add_key', 'keyctl', 'io_uring', 'userfaultfd', 'socket', 'quotactl'].map(
        (name) => `32-bit ${name}`,
      ),
      ...['netlink netfilter socket', 'pidfd_getfd', 'vmsplice'].map((name) => `32-bit ${name}`),
    ],
  },
  {
    without: ['seccomp', 'capabilities'],
    attempts: [
      ...['unshare', 'clone', 'clone3', 'setns'].flatMap((way) => each(way, NAMESPACES)),
      ...each('unshare', ['time']),
      'mount a tmpfs',
      'bind a directory',
      'unmount',
      ...each('new mount API', ['fsopen', 'fspick', 'open_tree', 'move_mount', 'mount_setattr']),
      'pivot_root',
      'set the host name',
      'reboot',
      ...each('open a socket', ['packet', 'raw', 'raw IPv6']),
    ],
    optional: [
      ...each('32-bit unshare', [...NAMESPACES, 'time']),
      ...['mount', 'setns', 'fsopen', 'reboot', 'packet socket'].map((name) => `32-bit ${name}`),
      ...each('open a socket', ['KEY', 'XDP', 'CAN']),
    ],
  },
  {
    without: ['seccomp', ...ROOT],
    attempts: [
      'open a file by its handle',
      "make the host's programs writable",
      'mount another /proc',
      'read the kernel log',
      'settimeofday',
      'swapon',
      'swapoff',
    ],
    optional: [
      'bpf',
      'perf_event_open',
      'lookup_dcookie',
      'kexec_load',
      'kexec_file_load',
      'init_module',
      'finit_module',
      'delete_module',
      'acct',
      'ioperm',
      'iopl',
      ...['bpf', 'swapon', 'acct'].map((name) => `32-bit ${name}`),
    ],
  },
  {
    without: ['host_ids', 'masked_paths', 'read_only_sys', 'build_user'],
    attempts: ['change a sysctl', 'change a parameter of the kernel in /sys'],
    optional: ['trigger a SysRq'],
  },
  { without: ['masked_paths', 'seccomp'], attempts: ['read the list of keys'] },
  {
    without: ['masked_paths', ...ROOT],
    attempts: [],
    optional: ["read the kernel's memory in /proc/kcore"],
  },
  {
    without: ['device_cgroup', ...ROOT],
    attempts: ['make a device', 'run with a higher priority', 'give a file to a user of the host'],
    optional: [
      "open the host's disk",
      'open a loop device',
      'raise a resource limit',
      'protect itself from the OOM killer',
      'become real-time',
      ...each('open a device', ['mem', 'port', 'kmsg', 'loop-control', 'fuse', 'net/tun', 'kvm']),
      ...each('open a device', ['vsock', 'autofs', 'btrfs-control']),
    ],
  },
  {
    without: ['seccomp', 'cgroup_namespace', ...ROOT],
    attempts: ['mount the control groups', 'raise the own limit of processes'],
    optional: ['write the release agent of control groups'],
  },
  {
    without: ['cgroup_files', 'cgroup_namespace', ...ROOT],
    attempts: ['raise the own limit of processes in /sys'],
  },
  {
    without: ['capabilities'],
    attempts: [
      'take a capability',
      'take a capability as ambient',
      'set the secure bits',
      'configure a network device',
    ],
  },
  {
    without: ['capabilities'],
    attempts: [
      'become root',
      'become a member of the group root',
      'change the supplementary groups',
    ],
    phases: ['build'],
  },
  { without: ['no_new_privileges'], attempts: ['run a setuid program'], phases: ['build'] },
  {
    without: ['no_new_privileges', 'bounding_set'],
    attempts: ['run a program with file capabilities'],
    phases: ['build'],
  },
]
