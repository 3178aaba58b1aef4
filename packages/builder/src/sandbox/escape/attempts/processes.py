"""Attempts against processes outside of the sandbox: on the host, and in another sandbox that runs at the same time."""

import ctypes
import os

from attempt import Refused, attempt, call, text_of, targets

PTRACE_SEIZE = 0x4206


def command_of(pid):
    try:
        return text_of(f'/proc/{pid}/cmdline')
    except OSError:
        return ''


def outside():
    """Returns the visible processes outside of this sandbox: those that the test has started, and the sandbox's supervisor."""
    words = [targets['marker'], 'supervisor.py']
    pids = [int(pid) for pid in os.listdir('/proc') if pid.isdigit()]
    found = [pid for pid in pids if any(word in command_of(pid) for word in words) and 'main.py' not in command_of(pid)]
    return found


def against_each(action):
    """Returns if the action works on one of the processes outside of the sandbox."""
    last = Refused('no process outside is visible')
    for pid in outside():
        try:
            return action(pid)
        except OSError as error:
            last = error
    raise last


def marked(where):
    """Returns the id on the host of the process that the test has started there."""
    pid = targets[where]['pid']
    os.kill(pid, 0)
    if targets[where]['word'] not in command_of(pid):
        raise Refused(f'{pid} is another process')
    return pid


for where in ('host', 'neighbor'):
    attempt(f'signal a process by its id: {where}')(lambda where=where: marked(where))


@attempt('see a process outside')
def see():
    if not outside():
        raise Refused('no process outside is visible')


@attempt('signal a process outside')
def send_signal():
    against_each(lambda pid: os.kill(pid, 0))


@attempt('trace a process outside')
def trace():
    against_each(lambda pid: call('ptrace', PTRACE_SEIZE, pid, 0, 0))


@attempt("read another process's memory by process_vm_readv")
def read_memory():
    def read(pid):
        start = int(text_of(f'/proc/{pid}/maps').split('-')[0], 16)
        buffer = ctypes.create_string_buffer(16)
        local = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 16)
        remote = (ctypes.c_uint64 * 2)(start, 16)
        return call('process_vm_readv', pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)

    against_each(read)


@attempt("open another process's memory")
def open_memory():
    against_each(lambda pid: os.close(os.open(f'/proc/{pid}/mem', os.O_RDWR)))


@attempt("read another process's environment")
def environment():
    against_each(lambda pid: text_of(f'/proc/{pid}/environ'))


@attempt('signal a process by a descriptor')
def pidfd():
    against_each(lambda pid: call('pidfd_send_signal', call('pidfd_open', pid, 0), 0, 0, 0))


@attempt("take another process's descriptor")
def pidfd_getfd():
    against_each(lambda pid: call('pidfd_getfd', call('pidfd_open', pid, 0), 0, 0))


@attempt("compare descriptors with another process's")
def kcmp():
    against_each(lambda pid: call('kcmp', os.getpid(), pid, 0, 0, 0))


@attempt("change another process's limits")
def prlimit():
    import resource

    against_each(lambda pid: resource.prlimit(pid, resource.RLIMIT_CORE, resource.prlimit(pid, resource.RLIMIT_CORE)))


@attempt("enter another process's namespaces")
def enter():
    def join(pid):
        return call('setns', os.open(f'/proc/{pid}/ns/uts', os.O_RDONLY), 0)

    against_each(join)
