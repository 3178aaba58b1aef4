"""Attempts to reach objects that other builds, or the host, have left in the kernel or in shared directories."""

import ctypes
import os
import socket

from attempt import Refused, attempt, call, check, libc, targets, text_of

KEY_SPEC_USER_KEYRING, KEY_SPEC_SESSION_KEYRING = -4, -3
KEYCTL_LINK, KEYCTL_SEARCH = 8, 10


def expect(text, where):
    if targets[where]['word'].encode() not in text:
        raise Refused('it has other content')


def shared_memory(where):
    identity = call('shmget', targets[where]['ipc_key'], 0, 0)
    libc.shmat.restype = ctypes.c_void_p
    libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
    address = libc.shmat(identity, None, 0o10000)
    check(-1 if address == ctypes.c_void_p(-1).value else 0)
    expect(ctypes.string_at(address, 64), where)


def message(where):
    """Reads the first message without removing it."""
    queue = call('msgget', targets[where]['ipc_key'], 0)
    buffer = ctypes.create_string_buffer(8 + 128)
    call('msgrcv', queue, buffer, 128, 0, 0o40000 | 0o4000)
    expect(buffer.raw, where)


def posix_queue(where):
    check(libc.mq_open(targets[where]['queue'].encode(), os.O_RDONLY))


def abstract_socket(where):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect('\0' + targets[where]['socket'])
        expect(client.recv(100), where)


def listener(where):
    with socket.create_connection(('127.0.0.1', targets[where]['port']), 5) as client:
        expect(client.recv(100), where)


def left_file(path, where):
    expect(text_of(path).encode(), where)


for where in ('host', 'neighbor'):
    attempt(f'attach shared memory: {where}')(lambda where=where: shared_memory(where))
    attempt(f'receive a message: {where}')(lambda where=where: message(where))
    attempt(f'open a POSIX message queue: {where}')(lambda where=where: posix_queue(where))
    attempt(f'connect to an abstract socket: {where}')(lambda where=where: abstract_socket(where))
    attempt(f'connect to the loopback: {where}')(lambda where=where: listener(where))
    attempt(f'read a file left in /tmp: {where}')(lambda where=where: left_file(targets[where]['tmp'], where))

attempt('read a file left in /dev/shm')(lambda: left_file(targets['host']['shm'], 'host'))


@attempt("connect to the host's other addresses")
def other_addresses():
    last = Refused('the host has no other address')
    for address in targets['addresses']:
        try:
            with socket.create_connection((address, targets['host']['port']), 5) as client:
                return expect(client.recv(100), 'host')
        except OSError as error:
            last = error
    raise last


@attempt('leave a key for the next build')
def add_key():
    return call('add_key', b'user', b'escape', b'left', 4, KEY_SPEC_USER_KEYRING)


@attempt("find an earlier build's key")
def find_key():
    call('keyctl', KEYCTL_LINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_SESSION_KEYRING)
    call('add_key', b'user', b'escape', b'left', 4, KEY_SPEC_USER_KEYRING)
    return call('keyctl', KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, b'user', b'escape', 0)


@attempt('request a key')
def request_key():
    try:
        call('add_key', b'user', b'escape', b'left', 4, KEY_SPEC_SESSION_KEYRING)
    except OSError:
        pass  # the test is about requesting the key
    return call('request_key', b'user', b'escape', None, 0)
