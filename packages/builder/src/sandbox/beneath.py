"""Opens files below a directory without leaving it: openat2(2), which Python lacks."""

import ctypes
import os

SYS_OPENAT2 = 437
RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH = 2, 4, 8

libc = ctypes.CDLL(None, use_errno=True)


class OpenHow(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ('flags', 'mode', 'resolve')]


def open_beneath(directory, path, flags):
    """Opens a path relative to a descriptor; raises OSError for symbolic links and everything that leaves the directory."""
    how = OpenHow(
        flags=flags | os.O_CLOEXEC,
        mode=0,
        resolve=RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    )
    opened = libc.syscall(SYS_OPENAT2, directory, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
    if opened < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return opened
