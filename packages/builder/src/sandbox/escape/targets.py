"""Leaves objects that attempts in a sandbox try to reach, and waits. Arguments: a word that identifies them, and the SysV key.

Prints a line of JSON that describes them, and removes them when its standard input ends, which never happens if that is /dev/null.
"""

import ctypes
import json
import os
import signal
import socket
import sys
import threading

word, key = sys.argv[1], int(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
IPC_CREAT, IPC_RMID = 0o1000, 0


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def answer(listening):
    while True:
        try:
            client, _ = listening.accept()
            with client:
                client.sendall(word.encode())
        except OSError:
            pass


def serve(listening):
    listening.listen()
    threading.Thread(target=answer, args=(listening,), daemon=True).start()
    return listening.getsockname()


memory = check(libc.shmget(key, 4096, IPC_CREAT | 0o666))
ctypes.memmove(libc.shmat(memory, None, 0), word.encode(), len(word))
messages = check(libc.msgget(key, IPC_CREAT | 0o666))
text = word.encode()
check(libc.msgsnd(messages, ctypes.create_string_buffer((1).to_bytes(8, 'little') + text), ctypes.c_size_t(len(text)), 0))
queue = f'/{word}'
os.umask(0)
opened = check(libc.mq_open(queue.encode(), os.O_CREAT | os.O_RDWR, 0o666, None))
abstract = socket.socket(socket.AF_UNIX)
abstract.bind(f'\0{word}')
serve(abstract)
dual = socket.has_dualstack_ipv6()
port = serve(socket.create_server(('', 0), family=socket.AF_INET6 if dual else socket.AF_INET, dualstack_ipv6=dual))[1]
files = {'tmp': f'/tmp/{word}', 'shm': f'/dev/shm/{word}'}
for path in files.values():
    with open(path, 'w') as file:
        file.write(word)
try:
    print(json.dumps({'word': word, 'ipc_key': key, 'queue': queue, 'socket': word, 'port': port, **files}), flush=True)
    if os.stat(0).st_rdev == os.stat('/dev/null').st_rdev:
        signal.pause()
    sys.stdin.read()
finally:
    libc.shmctl(memory, IPC_RMID, None)
    libc.msgctl(messages, IPC_RMID, None)
    libc.mq_unlink(queue.encode())
    for path in files.values():
        os.unlink(path)
