"""Assembles the file systems of a sandbox and runs an OCI runtime on them.

Runs as PID 1 of new mount and PID namespaces: when it ends for any reason, everything in the sandbox ends, mounts included. Written in
Python, because Node has no interface to mount_setattr(2), openat2(2) and setns(2), and the tools of Debian 12 (util-linux 2.38, runc
1.1) cannot create idmapped mounts.

Standard input: the plan as JSON (SandboxPlan in sandbox.ts). Standard output and standard error become those of the command. The file
descriptor 3 receives the exit as one line of JSON (Report in sandbox.ts). The file descriptor 4 is a network namespace, if the
sandbox joins one.
"""

import ctypes
import errno
import json
import os
import stat
import sys

from beneath import open_beneath, open_inside

# Covers the host's /run in this mount namespace: a path that exists everywhere and that unprivileged ids may traverse.
BASE = '/run'
RUNTIME_STATE = f'{BASE}/runtime'
BUNDLE = f'{BASE}/bundle'
# The standard input of the runtime and the command.
NO_INPUT = f'{BASE}/null'
REPORT = 3
# How the runtimes are told to leave control groups alone: crun 1.8 takes --rootless for --root.
WITHOUT_CGROUP = {'runc': ['--rootless', 'true'], 'crun': ['--cgroup-manager', 'disabled']}
# Mount point of the network namespace that the sandbox joins (NETWORK_NAMESPACE in oci-config.ts), and the namespace's descriptor.
NETWORK_PATH = f'{BASE}/network'
NETWORK = 4

SYS_OPEN_TREE, SYS_MOVE_MOUNT, SYS_MOUNT_SETATTR = 428, 429, 442
AT_EMPTY_PATH = 0x1000
OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH = 4
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_IDMAP = 0x1, 0x2, 0x4, 0x100000
MS_NOSUID, MS_NODEV, MS_BIND = 2, 4, 4096
CLONE_NEWUSER = 0x10000000
PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP = 28, 4

libc = ctypes.CDLL(None, use_errno=True)


class Fault(Exception):
    """A sandbox cannot be set up; `kind` says whether the machine or the root, which packages of users fill, is at fault."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def check(result, doing):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f'{doing}: {os.strerror(number)}')
    return result


class MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ('set', 'clear', 'propagation', 'userns_fd')]


def clone_mount(path, attributes, userns=None):
    """Returns the descriptor of a detached copy of the mount at `path`, idmapped to `userns` if given."""
    flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC
    copy = check(libc.syscall(SYS_OPEN_TREE, -100, path.encode(), flags), f'Cannot clone the mount of {path}')
    try:
        setting = MountAttributes(set=attributes)
        if userns is not None:
            setting.set |= MOUNT_ATTR_IDMAP
            setting.userns_fd = userns
        check(
            libc.syscall(SYS_MOUNT_SETATTR, copy, b'', AT_EMPTY_PATH, ctypes.byref(setting), ctypes.sizeof(setting)),
            f'Cannot map the ids of {path}' if userns is not None else f'Cannot set the attributes of {path}',
        )
        return copy
    except OSError:
        os.close(copy)
        raise


def attach(copy, target):
    check(
        libc.syscall(SYS_MOVE_MOUNT, copy, b'', -100, target.encode(), MOVE_MOUNT_F_EMPTY_PATH),
        f'Cannot mount {target}',
    )
    os.close(copy)


def bind_descriptor(descriptor, target):
    path = f'/proc/self/fd/{descriptor}'
    check(libc.mount(path.encode(), target.encode(), None, MS_BIND, None), f'Cannot mount {target}')


def mount(kind, target, options='', flags=0):
    check(
        libc.mount(kind.encode(), target.encode(), kind.encode(), flags, options.encode()),
        f'Cannot mount {kind} at {target}',
    )


def user_namespace(first, count):
    """Returns the descriptor of a user namespace that maps the ids 0 to count - 1 to the host's `first` and the following."""
    ready, gone = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if libc.unshare(CLONE_NEWUSER) == 0:
                code = 0
            os.write(ready[1], bytes([ctypes.get_errno() if code else 0]))
            os.close(gone[1])
            os.read(gone[0], 1)
        finally:
            os._exit(code)
    os.close(ready[1])
    os.close(gone[0])
    try:
        answer = os.read(ready[0], 1)
        if answer != b'\0':
            number = answer[0] if answer else errno.EPERM
            raise OSError(number, f'Cannot create a user namespace: {os.strerror(number)}')
        for name in ('gid_map', 'uid_map'):
            with open(f'/proc/{child}/{name}', 'w') as file:
                file.write(f'0 {first} {count}\n')
        return os.open(f'/proc/{child}/ns/user', os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(ready[0])
        os.close(gone[1])
        os.waitpid(child, 0)


def as_id(ids, action):
    """Runs `action` in a child whose user and group are the first of the range, which keeps its capabilities."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            check(libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0), 'Cannot set the secure bits')
            os.setgroups([])
            os.setresgid(ids, ids, ids)
            os.setresuid(ids, ids, ids)
            os.umask(0o022)
            action()
        except Fault as fault:
            os.write(writing, json.dumps([fault.kind, str(fault)]).encode()[:4000])
        except BaseException as error:  # reported by the parent
            os.write(writing, json.dumps(['machine', describe(error)]).encode()[:4000])
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        answer = file.read()
    os.waitpid(child, 0)
    if answer:
        raise Fault(*json.loads(answer))


def describe(error):
    if isinstance(error, OSError) and error.strerror:
        return f'{error.strerror}: {error.filename}' if error.filename else error.strerror
    return f'{type(error).__name__}: {error}'


class Sandbox:
    def __init__(self, plan):
        self.plan = plan
        self.first = plan['ids']['first']
        # Without a mapping, the sandbox has the ids of the container that the agent runs in.
        self.is_mapped = self.first != 0
        self.userns = user_namespace(self.first, plan['ids']['count']) if self.is_mapped else None

    def assemble(self):
        """Mounts everything below BASE. All sources are cloned first, because BASE covers /run, which may contain some of them."""
        plan, root = self.plan, self.plan['root']
        copies = {}
        for index, path in enumerate(root.get('layers', [])):
            copies[f'{BASE}/layers/{index}'] = clone_mount(path, MOUNT_ATTR_RDONLY, self.userns)
        for name in ('changes', 'directory'):
            if name in root:
                target = f'{BASE}/{"state" if name == "changes" else "root"}'
                copies[target] = clone_mount(root[name], 0, self.userns)
        for index, bind in enumerate(plan['binds']):
            attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (0 if bind['writable'] else MOUNT_ATTR_RDONLY)
            copies[f'{BASE}/binds/{index}'] = self.clone_for_reading(bind['from'], attributes, bind['writable'])
        tools = self.clone_tools() if plan['tools'] else []
        # crun gives the files 0 to 2 to the root of the user namespace: on a read-only mount, the host's /dev/null keeps its owner.
        null = clone_mount('/dev/null', MOUNT_ATTR_RDONLY)
        devices = [(name, clone_mount(f'/dev/{name}', 0)) for name in plan['devices']]

        mount('tmpfs', BASE, 'mode=755,size=4m', MS_NOSUID | MS_NODEV)
        for name in ('layers', 'binds', 'state', 'root', 'tools', 'dev', 'devices', 'bundle', 'runtime'):
            os.mkdir(f'{BASE}/{name}')
        os.close(os.open(NO_INPUT, os.O_CREAT | os.O_WRONLY, 0o600))
        attach(null, NO_INPUT)
        if plan['joins_network']:
            os.close(os.open(NETWORK_PATH, os.O_CREAT | os.O_WRONLY, 0o600))
            bind_descriptor(NETWORK, NETWORK_PATH)
        for target, copy in copies.items():
            os.makedirs(target, exist_ok=True)
            attach(copy, target)
        self.make_devices(devices)
        if plan['tools']:
            self.make_tools(tools)
        if 'layers' in root:
            as_id(self.first, self.mount_overlay)
        as_id(self.first, self.prepare_root)

    def clone_for_reading(self, path, attributes, must_map):
        """Clones a mount with mapped ids. If the file system cannot map them, readers see `nobody`, unless `must_map` is set."""
        try:
            return clone_mount(path, attributes, self.userns)
        except OSError as error:
            if must_map or error.errno not in (errno.EINVAL, errno.EPERM):
                raise
            return clone_mount(path, attributes)

    def clone_tools(self):
        """Returns the parts of the host that the tools need: (path, descriptor, symlink target or file content)."""
        parts = []
        read_only = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID
        for path in self.plan['tools']['directories']:
            if os.path.islink(path):
                parts.append((path, None, ('link', os.readlink(path))))
            elif os.path.isdir(path):
                parts.append((path, self.clone_for_reading(path, read_only, False), None))
        for path in self.plan['tools']['files']:
            if os.path.isfile(path):
                with open(path, 'rb') as file:
                    parts.append((path, None, ('file', file.read())))
        for path, text in self.plan['tools']['texts'].items():
            parts.append((path, None, ('file', text.encode())))
        return parts

    def make_tools(self, parts):
        owner = f'uid={self.first},gid={self.first}'
        mount('tmpfs', f'{BASE}/tools', f'mode=755,size=256m,{owner}', MS_NODEV)

        def fill():
            for name in ('etc', 'proc', 'dev', 'sys', 'tmp', 'root', 'run', 'var', 'var/tmp', 'build', 'mnt'):
                os.makedirs(f'{BASE}/tools/{name}', exist_ok=True)
            for name in ('tmp', 'var/tmp'):
                os.chmod(f'{BASE}/tools/{name}', 0o1777)
            for path, copy, rest in parts:
                target = f'{BASE}/tools{path}'
                os.makedirs(target if copy is not None else os.path.dirname(target), exist_ok=True)
                if rest and rest[0] == 'link':
                    os.symlink(rest[1], target)
                elif rest:
                    with open(target, 'wb') as file:
                        file.write(rest[1])

        as_id(self.first, fill)
        for path, copy, _rest in parts:
            if copy is not None:
                attach(copy, f'{BASE}/tools{path}')

    def make_devices(self, devices):
        """
        Makes a device directory that can be bound at several places; the runtime's own is at one place only. The devices are in another
        directory, because crun 1.8 binds a directory without the mounts below it, which the kernel forbids in a user namespace.
        """
        dev = f'{BASE}/dev'
        mount('tmpfs', dev, f'mode=755,size=64k,uid={self.first},gid={self.first}', MS_NOSUID)
        for name, copy in devices:
            for path in (f'{dev}/{name}', f'{BASE}/devices/{name}'):
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
            attach(copy, f'{BASE}/devices/{name}')
        for name in ('pts', 'shm', 'mqueue'):
            os.mkdir(f'{dev}/{name}')
        # runc gives a tmpfs the mode of its mount point, whatever its options say.
        os.chmod(f'{dev}/shm', 0o1777)
        for name, target in (
            ('ptmx', 'pts/ptmx'),
            ('fd', '/proc/self/fd'),
            ('stdin', '/proc/self/fd/0'),
            ('stdout', '/proc/self/fd/1'),
            ('stderr', '/proc/self/fd/2'),
        ):
            os.symlink(target, f'{dev}/{name}')

    def mount_overlay(self):
        layers = ':'.join(f'{BASE}/layers/{index}' for index in reversed(range(len(self.plan['root']['layers']))))
        state = f'{BASE}/state'
        # Outside of the initial user namespace, overlayfs must keep its metadata in attributes that users may set.
        attributes = '' if self.is_mapped else ',userxattr'
        options = f'lowerdir={layers},upperdir={state}/upper,workdir={state}/work,volatile{attributes}'
        mount('overlay', f'{BASE}/root', options)

    def prepare_root(self):
        """Makes missing mount points, and writes files, without following a link that a package may have left."""
        root = os.open(f'{BASE}/root', os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        for path in self.plan['mount_points']:
            self.make_directory(root, path)
        for path, text in self.plan['files'].items():
            directory, _, name = path.rpartition('/')
            parent = self.make_directory(root, directory)
            try:
                os.unlink(name, dir_fd=parent)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise Fault('root', f'/{path} of the buildroot cannot be replaced: {error.strerror}') from error
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(name, flags, 0o644, dir_fd=parent), 'w') as file:
                file.write(text)

    def make_directory(self, root, path):
        """Opens a directory of the root, made if it is missing; something else in its place is the fault of a package."""
        current, done = root, []
        for name in path.split('/'):
            done.append(name)
            try:
                os.mkdir(name, 0o755, dir_fd=current)
            except FileExistsError:
                pass
            try:
                current = open_beneath(current, name, os.O_RDONLY | os.O_DIRECTORY)
            except OSError as error:
                where = '/'.join(done)
                raise Fault('root', f'/{where} of the buildroot is not a directory: a package has replaced it') from error
        return current

    def run(self):
        """Runs the command; returns its exit code and what the kernel counted."""
        with open(f'{BUNDLE}/config.json', 'w') as file:
            json.dump(self.plan['config'], file)
        runtime, name = self.plan['runtime'], self.plan['name']
        # Without a control group of its own, the limits of the agent's container apply.
        options = [] if self.plan['config']['linux'].get('cgroupsPath') else WITHOUT_CGROUP.get(runtime, [])
        command = [runtime, *options, '--root', RUNTIME_STATE, '--log', f'{BASE}/runtime.log', '--log-format', 'json']
        # Detached, so that the command has the output itself: in the foreground, runc copies two streams, which loses their order.
        ended = run_program([*command, 'run', '--detach', '--pid-file', f'{BASE}/pid', '--bundle', BUNDLE, name])
        if ended != 0:
            error = self.runtime_error() or f'{runtime} ended with code {ended}'
            program = self.plan['config']['process']['args'][0]
            if self.plan['tools'] is None and not can_start(f'{BASE}/root', program):
                raise Fault('root', f'{program} of the buildroot cannot be run: a package has removed or replaced it ({error[-300:]})')
            raise Fault('machine', error)
        with open(f'{BASE}/pid') as file:
            code = wait_for(int(file.read()))
        # The runtime's state ends with this mount namespace; the agent removes the control group.
        return {'code': code, **self.count_refusals()}

    def count_refusals(self):
        """Reads how often the kernel killed or refused processes, and whether this sandbox's own limits were the reason."""
        path = self.plan['config']['linux'].get('cgroupsPath')
        if path is None:
            return {'oom_kills': 0, 'memory_limit_hits': 0, 'refused_processes': 0}
        memory = read_table(f'/sys/fs/cgroup{path}/memory.events')
        if memory is None:
            # Version 1 counts kills for whichever reason, and separately how often the limit was hit.
            kills = (read_table(f'/sys/fs/cgroup/memory{path}/memory.oom_control') or {}).get('oom_kill', 0)
            hits = kills if read_number(f'/sys/fs/cgroup/memory{path}/memory.failcnt') else 0
        else:
            kills, hits = memory.get('oom_kill', 0), memory.get('oom', 0)
        pids = f'/sys/fs/cgroup{path}' if memory is not None else f'/sys/fs/cgroup/pids{path}'
        refused = (read_table(f'{pids}/pids.events') or {}).get('max', 0)
        limit = next((one['hard'] for one in self.plan['config']['process']['rlimits'] if one['type'] == 'RLIMIT_NPROC'), None)
        # The kernel does not count refusals by the resource limit.
        if limit is not None and read_number(f'{pids}/pids.peak') >= limit:
            refused = max(refused, 1)
        return {'oom_kills': kills, 'memory_limit_hits': hits, 'refused_processes': refused}

    def runtime_error(self):
        """Returns the last error that the runtime logged."""
        try:
            with open(f'{BASE}/runtime.log') as file:
                errors = [entry['msg'] for entry in map(json.loads, file) if entry.get('level') in ('error', 'fatal')]
        except (OSError, ValueError, KeyError):
            return ''
        return errors[-1] if errors else ''


def can_start(root, program):
    """Whether the root has the program that the runtime starts in it. Links are resolved inside of the root, as the runtime does."""
    try:
        descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY)
        file = os.fstat(open_inside(descriptor, program, os.O_PATH))
    except OSError:
        return False
    return stat.S_ISREG(file.st_mode) and bool(file.st_mode & 0o111)


def read_table(path):
    """Returns a file of lines "name number"; None if the kernel has no such file."""
    try:
        with open(path) as lines:
            return {name: int(number) for name, number in map(str.split, lines)}
    except OSError:
        return None


def read_number(path):
    try:
        with open(path) as file:
            return int(file.read())
    except OSError:
        return 0


def run_program(command):
    """Runs a program without input; returns its exit code. Unlike the module subprocess, this takes no time to load."""
    null = os.open(NO_INPUT, os.O_RDONLY | os.O_CLOEXEC)
    path = '/usr/sbin:/usr/bin:/sbin:/bin'
    actions = [(os.POSIX_SPAWN_DUP2, null, 0)]
    child = os.posix_spawnp(command[0], command, {'PATH': path}, file_actions=actions)
    os.close(null)
    # Waits for this child only: the sandbox may end first, and its exit code must remain available.
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def wait_for(child):
    """Returns the exit code of a process, which becomes a child of PID 1 when the runtime ends; reaps all others."""
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def main():
    # One stream, so that lines keep their order.
    os.dup2(1, 2)
    os.set_inheritable(REPORT, False)
    plan = json.load(sys.stdin)
    if plan['joins_network']:
        os.set_inheritable(NETWORK, False)
    try:
        sandbox = Sandbox(plan)
        sandbox.assemble()
        outcome = sandbox.run()
    except Fault as fault:
        outcome = {'fault': fault.kind, 'message': str(fault)}
    except OSError as error:
        outcome = {'fault': 'machine', 'message': describe(error)}
    os.write(REPORT, json.dumps(outcome).encode() + b'\n')


main()
