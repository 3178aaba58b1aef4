"""Attempts to use interfaces of the kernel that builds do not need."""

import ctypes
import os
import signal
import struct

from attempt import NAMESPACES, attempt, call, new_directory, reaches

#: setns(2) into a process's own namespace needs the same privilege as setns(2) into another namespace.
SELF_NAMESPACES = {'uts': 'uts', 'ipc': 'ipc', 'network': 'net', 'cgroup': 'cgroup', 'mount': 'mnt', 'pid': 'pid'}


def clone(flag):
    child = call('clone', flag | signal.SIGCHLD, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def clone3(flag):
    arguments = struct.pack('8Q', flag, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    child = call('clone3', arguments, len(arguments))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


for name, flag in NAMESPACES.items():
    attempt(f'unshare: {name}')(lambda flag=flag: call('unshare', flag))
    if name != 'time':
        attempt(f'clone: {name}')(lambda flag=flag: clone(flag))
        attempt(f'clone3: {name}')(lambda flag=flag: clone3(flag))
for name, file in SELF_NAMESPACES.items():
    attempt(f'setns: {name}')(lambda file=file: call('setns', os.open(f'/proc/self/ns/{file}', os.O_RDONLY), 0))


def attribute(size, *fields):
    return struct.pack(f'{len(fields)}I', *fields).ljust(size, b'\0')


def place():
    return new_directory().encode()


def own_mount():
    """Returns a mount that the new mount API can change, unlike mounts made by the runtime; if mount(2) is refused, an existing mount."""
    try:
        call('unshare', NAMESPACES['mount'])
        call('mount', b'none', b'/', None, 0x44000, None)  # MS_REC, MS_PRIVATE
        path = place()
        call('mount', b'tmpfs', path, b'tmpfs', 0, None)
        return path
    except OSError:
        return b'/dev/shm'


@attempt('mount a tmpfs')
def mount_tmpfs():
    call('mount', b'tmpfs', place(), b'tmpfs', 0, None)


@attempt('mount another /proc')
def mount_proc():
    call('mount', b'proc', place(), b'proc', 0, None)


@attempt('bind a directory')
def bind():
    call('mount', b'/dev/shm', place(), None, 0x1000, None)


@attempt('unmount')
def unmount():
    call('umount2', b'/dev/pts', 2)


@attempt('new mount API: fsopen')
def fsopen():
    call('fsopen', b'tmpfs', 0)


@attempt('new mount API: fspick')
def fspick():
    call('fspick', -100, own_mount(), 0)


@attempt('new mount API: open_tree')
def open_tree():
    call('open_tree', -100, b'/dev/shm', 1)


@attempt('new mount API: move_mount')
def move_mount():
    call('move_mount', -100, own_mount(), -100, place(), 0)


@attempt('new mount API: mount_setattr')
def mount_setattr():
    call('mount_setattr', -100, own_mount(), 0, struct.pack('4Q', 8, 0, 0, 0), ctypes.c_size_t(32))


@attempt('pivot_root')
def pivot_root():
    os.chdir(own_mount())
    call('pivot_root', b'.', b'.')


@attempt('bpf')
def bpf():
    call('bpf', 0, attribute(128, 2, 4, 4, 1), 128)  # an array


@attempt('io_uring')
def io_uring():
    call('io_uring_setup', 1, ctypes.create_string_buffer(120))


@attempt('userfaultfd')
def userfaultfd():
    call('userfaultfd', 1)  # UFFD_USER_MODE_ONLY, which needs no privilege


@attempt('perf_event_open')
def perf():
    call('perf_event_open', attribute(128, 1, 128), 0, -1, -1, 0)  # a software clock


@attempt('fanotify')
def fanotify():
    call('fanotify_init', 0x200, 0)  # FAN_REPORT_FID, which needs no privilege


@attempt('vmsplice')
def vmsplice():
    _, writing = os.pipe()
    buffer = ctypes.create_string_buffer(4096)
    call('vmsplice', writing, (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 16), 1, 0)


@attempt('lookup_dcookie')
def lookup_dcookie():
    reaches('lookup_dcookie', 0, ctypes.create_string_buffer(16), 16)


@attempt('keyctl')
def keyctl():
    call('keyctl', 0, -3, 0)  # KEYCTL_GET_KEYRING_ID of the session's keyring


@attempt('read the kernel log')
def syslog():
    call('syslog', 3, ctypes.create_string_buffer(4096), 4096)


@attempt('quotactl')
def quotactl():
    call('quotactl', 0x800001 << 8, None, 0, None)  # Q_SYNC of all file systems


@attempt('settimeofday')
def settimeofday():
    reaches('adjtimex', (ctypes.c_uint64 * 26)(0x4000))  # ADJ_TICK with the tick 0, which is invalid
    call('settimeofday', None, (ctypes.c_int * 2)(0, 0))


@attempt('set the host name')
def sethostname():
    name = os.uname().nodename.encode()
    call('sethostname', name, len(name))


@attempt('swapoff')
def swapoff():
    reaches('swapoff', b'/nonexistent')


for name, args in {
    'kexec_load': (0, 99999, None, 0),
    'kexec_file_load': (-1, -1, 0, None, 0),
    'init_module': (None, 0, b''),
    'finit_module': (-1, b'', 0),
    'delete_module': (b'nonexistent', 0),
    'swapon': (b'/nonexistent', 0),
    'reboot': (0, 0, 0, None),
    'acct': (b'/nonexistent',),
    'ioperm': (0x80, 1, 1),
    'iopl': (3,),
}.items():
    attempt(name)(lambda name=name, args=args: reaches(name, *args))
