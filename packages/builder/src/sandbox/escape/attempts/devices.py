"""Attempts to open or make devices, and against control groups."""

import os
import stat

from attempt import Missing, Refused, attempt, call, new_directory, targets, text_of

DEVICES = {
    'mem': (1, 1), 'port': (1, 4), 'kmsg': (1, 11), 'loop-control': (10, 237), 'fuse': (10, 229), 'net/tun': (10, 200), 'kvm': (10, 232),
    'vsock': (10, 121), 'autofs': (10, 235), 'btrfs-control': (10, 234),
}


def open_device(name, number):
    try:
        os.close(os.open(f'/dev/{name}', os.O_RDONLY | os.O_NONBLOCK))
    except FileNotFoundError:
        make_and_open(stat.S_IFCHR, *number)


def make_and_open(kind, major, minor):
    path = '/dev/escape'
    os.mknod(path, kind | 0o666, os.makedev(major, minor))
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError as error:
        raise Missing(f'the kernel has no such device: {error}') from error
    finally:
        os.unlink(path)


for name, number in DEVICES.items():
    attempt(f'open a device: {name}')(lambda name=name, number=number: open_device(name, number))


@attempt("open the host's disk")
def disk():
    make_and_open(stat.S_IFBLK, *targets['disk'])


@attempt('open a loop device')
def loop():
    make_and_open(stat.S_IFBLK, 7, 0)


@attempt('make a device')
def make():
    make_and_open(stat.S_IFCHR, 1, 3)


def mount_cgroups():
    """Returns the mount points of all hierarchies that can be mounted."""
    found, last = [], Refused('no hierarchy')
    for kind, options in (('cgroup2', None), *(('cgroup', one) for one in ('memory', 'pids', 'devices', 'freezer', 'cpu'))):
        place = new_directory()
        try:
            call('mount', b'cgroup', place.encode(), kind.encode(), 0, options.encode() if options else None)
            found.append(place)
        except OSError as error:
            last = error
    if not found:
        raise last
    return found


@attempt('mount the control groups')
def mount():
    mount_cgroups()


@attempt('write the release agent of control groups')
def release_agent():
    for place in mount_cgroups():
        path = f'{place}/release_agent'
        if os.path.exists(path):
            text = text_of(path)
            with open(path, 'w') as file:
                return file.write(text)
    raise Missing('version 2 has none')


@attempt('raise the own limit of processes')
def raise_limit():
    for place in mount_cgroups():
        path = f'{place}{targets["cgroup"]}/pids.max'
        if os.path.exists(path):
            with open(path, 'w') as file:
                return file.write('max')
    raise Refused('the own control group is not visible')


@attempt('raise the own limit of processes in /sys')
def raise_limit_in_sys():
    for place in ('/sys/fs/cgroup', '/sys/fs/cgroup/pids'):
        path = f'{place}{targets["cgroup"]}/pids.max'
        if os.path.exists(path):
            with open(path, 'w') as file:
                return file.write('max')
    raise Refused('the own control group is not visible')
