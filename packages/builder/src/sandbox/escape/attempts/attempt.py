"""Registers attempts to leave a sandbox, and runs them, each in a process of its own.

An attempt that returns has worked; an attempt that raises OSError or Refused was refused. Any other exception is a fault of the attempt.
"""

import ctypes
import errno
import json
import os
import platform
import signal
import sys
import tempfile

SECONDS_EACH = 20
#: System calls whose numbers differ between architectures; those above 423 are the same everywhere.
NUMBERS = {
    'x86_64': {
        'socket': 41, 'clone': 56, 'shmget': 29, 'shmat': 30, 'msgget': 68, 'msgrcv': 70, 'ptrace': 101, 'syslog': 103, 'capset': 126,
        'pivot_root': 155, 'adjtimex': 159, 'acct': 163, 'settimeofday': 164, 'mount': 165, 'umount2': 166, 'swapon': 167, 'swapoff': 168,
        'reboot': 169, 'sethostname': 170, 'iopl': 172, 'ioperm': 173, 'init_module': 175, 'delete_module': 176, 'quotactl': 179,
        'lookup_dcookie': 212, 'kexec_load': 246, 'add_key': 248, 'request_key': 249, 'keyctl': 250, 'unshare': 272, 'vmsplice': 278,
        'perf_event_open': 298, 'fanotify_init': 300, 'name_to_handle_at': 303, 'open_by_handle_at': 304, 'setns': 308,
        'process_vm_readv': 310, 'kcmp': 312, 'finit_module': 313, 'kexec_file_load': 320, 'bpf': 321, 'userfaultfd': 323,
    },
    'aarch64': {
        'socket': 198, 'clone': 220, 'shmget': 194, 'shmat': 196, 'msgget': 186, 'msgrcv': 188, 'ptrace': 117, 'syslog': 116, 'capset': 91,
        'pivot_root': 41, 'adjtimex': 171, 'acct': 89, 'settimeofday': 170, 'mount': 40, 'umount2': 39, 'swapon': 224, 'swapoff': 225,
        'reboot': 142, 'sethostname': 161, 'init_module': 105, 'delete_module': 106, 'quotactl': 60, 'lookup_dcookie': 18,
        'kexec_load': 104, 'add_key': 217, 'request_key': 218, 'keyctl': 219, 'unshare': 97, 'vmsplice': 75, 'perf_event_open': 241,
        'fanotify_init': 262, 'name_to_handle_at': 264, 'open_by_handle_at': 265, 'setns': 268, 'process_vm_readv': 270, 'kcmp': 272,
        'finit_module': 273, 'kexec_file_load': 294, 'bpf': 280, 'userfaultfd': 282,
    },
}[platform.machine()] | {
    'pidfd_send_signal': 424, 'io_uring_setup': 425, 'open_tree': 428, 'move_mount': 429, 'fsopen': 430, 'fspick': 433, 'pidfd_open': 434,
    'clone3': 435, 'pidfd_getfd': 438, 'mount_setattr': 442, 'quotactl_fd': 443,
}
#: clone(2): each flag that makes a namespace.
NAMESPACES = {
    'user': 0x10000000, 'mount': 0x20000, 'pid': 0x20000000, 'ipc': 0x8000000, 'uts': 0x4000000, 'network': 0x40000000, 'cgroup': 0x2000000,
    'time': 0x80,
}
libc = ctypes.CDLL(None, use_errno=True)
attempts = {}
#: Objects that the test has prepared outside of the sandbox: paths, addresses, keys, process ids.
targets = {}


class Refused(Exception):
    """The sandbox shows nothing that could be attacked."""


class Missing(Exception):
    """The machine lacks the object of the attack."""


def attempt(name):
    def register(function):
        attempts[name] = function
        return function

    return register


def check(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def argument(value):
    return ctypes.c_long(value) if isinstance(value, int) else value


def call(name, *args):
    """Makes a system call by its number, past the C library, which may reject or replace calls."""
    if name not in NUMBERS:
        raise Missing(f'{platform.machine()} has no {name}')
    return check(libc.syscall(NUMBERS[name], *map(argument, args)))


def reaches(name, *args):
    """Makes a call with invalid arguments, whose privilege the kernel checks first: even if it is allowed, it changes nothing."""
    try:
        call(name, *args)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            raise


def new_directory():
    """Returns a directory on the sandbox's own file system, where its root can write even without a user namespace."""
    return tempfile.mkdtemp(dir='/dev/shm')


def text_of(path):
    with open(path, errors='replace') as file:
        return file.read(65536)


def run_alone(function):
    """Returns the outcome of an attempt, made by a child that may damage itself."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS_EACH)
        outcome = ['fault', 'ended without an answer']
        try:
            detail = function()
            outcome = ['worked', str(detail)]
        except OSError as error:
            outcome = ['refused', errno.errorcode.get(error.errno, str(error))]
        except Refused as refusal:
            outcome = ['refused', str(refusal)]
        except Missing as reason:
            outcome = ['missing', str(reason)]
        except BaseException as error:
            outcome = ['fault', f'{type(error).__name__}: {error}']
        finally:
            os.write(writing, json.dumps(outcome).encode()[:4000])
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        answer = file.read()
    _, status = os.waitpid(child, 0)
    if answer:
        return json.loads(answer)
    ended = os.waitstatus_to_exitcode(status)
    return ['refused', 'SIGSYS'] if ended == -signal.SIGSYS else ['fault', f'ended with {ended}']


def main():
    """Arguments: the file with the targets, and the names of the attempts. Prints one line of JSON for each."""
    targets.update(json.loads(text_of(sys.argv[1])))
    for name in sys.argv[2:]:
        outcome, why = run_alone(attempts[name])
        print(json.dumps({'name': name, 'outcome': outcome, 'why': why}), flush=True)
