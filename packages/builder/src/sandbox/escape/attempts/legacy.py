"""Attempts by 32-bit system calls, which a filter that checks only the numbers of 64-bit calls would let pass."""

import ctypes
import errno
import mmap
import os
import platform
import signal

from attempt import Missing, NAMESPACES, attempt, new_directory

#: push rbx, rbp; eax … edi = the six integers at rdi; int 0x80; pop rbp, rbx; ret
CODE = bytes.fromhex('5355' '4989f8' '418b00' '418b5804' '418b4808' '418b500c' '418b7010' '418b7814' '31ed' 'cd80' '5d5b' 'c3')
MAP_32BIT = 0x40


def memory(size, protection):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
    return libc.mmap(None, size, protection, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_32BIT, -1, 0)


def call32(number, *args):
    """Makes a 32-bit call; text and bytes are copied below 4 GiB."""
    if platform.machine() != 'x86_64':
        raise Missing('only x86_64 has this entry')
    data = memory(65536, mmap.PROT_READ | mmap.PROT_WRITE)
    used, numbers = 0, [number]
    for arg in args:
        if isinstance(arg, bytes):
            ctypes.memmove(data + used, arg + b'\0', len(arg) + 1)
            numbers.append(data + used)
            used += (len(arg) + 16) & ~7
        else:
            numbers.append(arg & 0xFFFFFFFF)
    code = memory(4096, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    ctypes.memmove(code, CODE, len(CODE))
    registers = (ctypes.c_uint32 * 6)(*numbers)
    result = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(code)(ctypes.addressof(registers))
    if -4096 < result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


def clone32(flag):
    if call32(120, flag | signal.SIGCHLD, 0, 0, 0, 0) == 0:
        os._exit(0)


def reaches32(number, *args):
    try:
        call32(number, *args)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            raise


def socket32(family, kind, protocol):
    """Opens a socket by socketcall(2), the only way for old 32-bit programs."""
    numbers = b''.join(one.to_bytes(4, 'little') for one in (family, kind, protocol))
    return call32(102, 1, numbers)


def mount32():
    call32(21, b'tmpfs', new_directory().encode(), b'tmpfs', 0, 0)


for name, flag in NAMESPACES.items():
    attempt(f'32-bit unshare: {name}')(lambda flag=flag: call32(310, flag))
for name, action in {
    'clone': lambda: clone32(NAMESPACES['user']),
    'mount': mount32,
    'setns': lambda: call32(346, os.open('/proc/self/ns/uts', os.O_RDONLY), 0),
    'add_key': lambda: call32(286, b'user', b'escape', b'left', 4, -4),
    'keyctl': lambda: call32(288, 0, -3, 0),
    'bpf': lambda: call32(357, 0, (2).to_bytes(4, 'little') + b'\4\0\0\0\4\0\0\0\1\0\0\0'.ljust(124, b'\0'), 128),
    'io_uring': lambda: call32(425, 1, bytes(120)),
    'userfaultfd': lambda: call32(374, 1),
    'packet socket': lambda: socket32(17, 3, 0x300),
    'netlink netfilter socket': lambda: socket32(16, 3, 12),
    'socket': lambda: call32(359, 40, 1, 0),
    'swapon': lambda: reaches32(87, b'/nonexistent', 0),
    'reboot': lambda: reaches32(88, 0, 0, 0, 0),
    'acct': lambda: reaches32(51, b'/nonexistent'),
    'fsopen': lambda: call32(430, b'tmpfs', 0),
    'quotactl': lambda: call32(131, 0x800001 << 8, 0, 0, 0),
    'pidfd_getfd': lambda: reaches32(438, -1, 0, 0),
    'vmsplice': lambda: reaches32(316, -1, 0, 0, 0),
}.items():
    attempt(f'32-bit {name}')(action)
