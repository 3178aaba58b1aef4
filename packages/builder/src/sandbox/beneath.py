"""Opens files below a directory without leaving it: openat2(2), which Python lacks."""

import ctypes
import os

SYS_OPENAT2 = 437
RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH, RESOLVE_IN_ROOT = 2, 4, 8, 16

libc = ctypes.CDLL(None, use_errno=True)


class OpenHow(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ('flags', 'mode', 'resolve')]


def open_beneath(directory, path, flags):
    """Opens a path relative to a descriptor; raises OSError for symbolic links and everything that leaves the directory."""
    return openat2(directory, path, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)


def open_inside(directory, path, flags):
    """Opens a path as a process does whose root is the directory: symbolic links are followed, and cannot leave it."""
    return openat2(directory, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)


def openat2(directory, path, flags, resolve):
    how = OpenHow(flags=flags | os.O_CLOEXEC, mode=0, resolve=resolve)
    opened = libc.syscall(SYS_OPENAT2, directory, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
    if opened < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return opened
