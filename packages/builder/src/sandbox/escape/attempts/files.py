"""Attempts against files of the host."""

import ctypes
import os

from attempt import Refused, attempt, call, check, libc, new_directory, targets, text_of

KEY_SPEC_PROCESS_KEYRING = -2


def read_marked(path):
    text = text_of(path)
    if targets['marker'] not in text:
        raise Refused(f'{path} is another file')
    return path


for name in ('agent', 'other_build', 'cached_layer'):
    attempt(f'read a file: {name}')(lambda name=name: read_marked(targets['files'][name]))
    attempt(f'read a file by ..: {name}')(lambda name=name: read_marked('/proc/self/cwd' + '/..' * 40 + targets['files'][name]))


@attempt("read the host's /etc/shadow")
def shadow():
    if text_of('/etc/shadow') != targets['shadow']:
        raise Refused("it is not the host's")


@attempt('write through a symbolic link')
def write_through_link():
    os.symlink(targets['files']['writable'], '/tmp/link')
    try:
        with open('/tmp/link', 'r+') as file:
            file.write('x')
    finally:
        os.unlink('/tmp/link')


@attempt('write through a hard link')
def write_through_hard_link():
    path = targets['files']['writable']
    os.link(path, f'{path}.link')
    with open(f'{path}.link', 'r+') as file:
        file.write('x')
    os.unlink(f'{path}.link')


@attempt("read through another process's root or working directory")
def magic_links():
    for pid in filter(str.isdigit, os.listdir('/proc')):
        for link in ('root', 'cwd'):
            try:
                return read_marked(f'/proc/{pid}/{link}/{targets["files"]["agent"]}')
            except (OSError, Refused):
                pass
    raise Refused('no process has a root with the file')


@attempt('read through an inherited descriptor')
def descriptors():
    for pid in ('self', '1'):
        try:
            names = os.listdir(f'/proc/{pid}/fd')
        except PermissionError:
            continue
        for name in names:
            try:
                return read_marked(f'/proc/{pid}/fd/{name}/{targets["files"]["agent"]}')
            except (OSError, Refused):
                pass
    raise Refused('no descriptor leads outside')


@attempt('leave by chroot and fchdir')
def chroot_and_fchdir():
    root = os.open('/', os.O_RDONLY | os.O_DIRECTORY)
    os.chroot(new_directory())
    os.fchdir(root)
    for _ in range(40):
        os.chdir('..')
    os.chroot('.')
    read_marked(targets['files']['agent'])


@attempt('open a file by its handle')
def open_by_handle():
    handle = bytes.fromhex(targets['handle'])
    directory = os.open(targets['same_file_system'], os.O_RDONLY | os.O_DIRECTORY)
    opened = call('open_by_handle_at', directory, handle, os.O_RDONLY)
    if targets['marker'].encode() not in os.read(opened, 1000):
        raise Refused('it is another file')


@attempt('get the handle of a file')
def name_to_handle():
    handle = ctypes.create_string_buffer(bytes([128]), 136)
    mount = ctypes.c_int()
    call('name_to_handle_at', -100, targets['same_file_system'].encode(), handle, ctypes.byref(mount), 0)


@attempt("write into the host's programs")
def write_program():
    os.close(os.open('/usr/share/escape-probe' if os.path.exists('/usr/share/escape-probe') else '/usr/bin/env', os.O_WRONLY))


@attempt("make the host's programs writable")
def remount():
    flags = 0x1000 | 0x20  # MS_BIND, MS_REMOUNT
    call('mount', None, b'/usr', None, flags, None)


@attempt('change a sysctl')
def sysctl():
    path = '/proc/sys/kernel/core_pattern'
    text = text_of(path)
    with open(path, 'w') as file:
        file.write(text)


@attempt('change a parameter of the kernel in /sys')
def sys_file():
    path = '/sys/module/kernel/parameters/panic'
    try:
        text = text_of(path)
    except FileNotFoundError as error:
        raise Refused('there is no /sys') from error
    with open(path, 'w') as file:
        file.write(text)


@attempt('read the list of keys')
def list_keys():
    # The list has only keys of the process's own user namespace, to which the session keyring made by crun does not belong.
    try:
        call('add_key', b'user', b'listed', b'key', 3, KEY_SPEC_PROCESS_KEYRING)
    except OSError:
        pass  # the test is about reading the list
    if not text_of('/proc/keys'):
        raise Refused('it is empty')


@attempt("read the kernel's memory in /proc/kcore")
def kcore():
    with open('/proc/kcore', 'rb') as file:
        if file.read(4) != b'\x7fELF':
            raise Refused('it is empty')


@attempt('trigger a SysRq')
def sysrq():
    os.close(os.open('/proc/sysrq-trigger', os.O_WRONLY))


@attempt('resolve a path of the host by openat2 without limits')
def magic_open():
    how = (ctypes.c_uint64 * 3)(os.O_RDONLY, 0, 0)
    path = f'/proc/1/root{targets["files"]["agent"]}'.encode()
    opened = check(libc.syscall(437, -100, path, ctypes.byref(how), ctypes.c_long(24)))
    if targets['marker'].encode() not in os.read(opened, 1000):
        raise Refused('it is another file')
