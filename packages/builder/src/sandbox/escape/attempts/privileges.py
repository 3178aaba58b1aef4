"""Attempts to gain privileges inside of the sandbox, which would make more of the kernel reachable."""

import os
import struct
import subprocess

from attempt import Refused, attempt, call, check, libc, new_directory, targets, text_of

PR_SET_SECUREBITS = 28
CAP_SYS_ADMIN = 21


def effective(text):
    return int(next(line for line in text.splitlines() if line.startswith('CapEff:')).split()[1], 16)


@attempt('run a setuid program')
def setuid_program():
    done = subprocess.run([targets['setuid_id'], '-u'], capture_output=True, text=True)
    if done.stdout.strip() != '0':
        raise Refused(f'it runs as {done.stdout.strip() or done.stderr.strip()}')


@attempt('run a program with file capabilities')
def file_capabilities():
    done = subprocess.run([targets['capable_cat'], '/proc/self/status'], capture_output=True, text=True)
    if not effective(done.stdout or 'CapEff: 0') & ~effective(text_of('/proc/self/status')):
        raise Refused('it has no more capabilities')


@attempt('become root')
def become_root():
    os.setuid(0)


@attempt('become a member of the group root')
def become_group():
    os.setgid(0)


@attempt('change the supplementary groups')
def groups():
    os.setgroups([0])


@attempt('take a capability')
def take_capability():
    mask = 1 << CAP_SYS_ADMIN
    header = struct.pack('Ii', 0x20080522, 0)
    call('capset', header, struct.pack('6I', mask, mask, mask, 0, 0, 0))


@attempt('take a capability as ambient')
def ambient():
    check(libc.prctl(47, 2, CAP_SYS_ADMIN, 0, 0))  # PR_CAP_AMBIENT_RAISE


@attempt('set the secure bits')
def secure_bits():
    check(libc.prctl(PR_SET_SECUREBITS, 0, 0, 0, 0))


@attempt('raise a resource limit')
def rlimit():
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard + 1))
    except ValueError as error:
        raise Refused(str(error)) from error


@attempt('run with a higher priority')
def priority():
    os.nice(-1)


@attempt('become real-time')
def real_time():
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


@attempt('protect itself from the OOM killer')
def oom():
    with open('/proc/self/oom_score_adj', 'w') as file:
        file.write('-1000')


@attempt('give a file to a user of the host')
def chown_outside():
    os.chown(new_directory(), 70_000, 70_000)
