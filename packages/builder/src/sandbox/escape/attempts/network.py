"""Attempts to use kinds of sockets that reach the kernel's network code or other machines."""

import fcntl
import socket
import struct

from attempt import attempt

SIOCSIFMTU = 0x8922
FAMILIES = {
    'packet': (17, socket.SOCK_RAW, 0x300),
    'raw': (socket.AF_INET, socket.SOCK_RAW, 1),
    'raw IPv6': (socket.AF_INET6, socket.SOCK_RAW, 58),
    'SCTP': (socket.AF_INET, socket.SOCK_STREAM, 132),
    'UDP-Lite': (socket.AF_INET, socket.SOCK_DGRAM, 136),
    'netlink netfilter': (16, socket.SOCK_RAW, 12),
    'netlink audit': (16, socket.SOCK_RAW, 9),
    'netlink uevent': (16, socket.SOCK_DGRAM, 15),
    'netlink diagnostics': (16, socket.SOCK_RAW, 4),
    'VSOCK': (40, socket.SOCK_STREAM, 0),
    'ALG': (38, socket.SOCK_SEQPACKET, 0),
    'KEY': (15, socket.SOCK_RAW, 2),
    'XDP': (44, socket.SOCK_RAW, 0),
    'TIPC': (30, socket.SOCK_RDM, 0),
    'CAN': (29, socket.SOCK_RAW, 1),
    'Bluetooth': (31, socket.SOCK_RAW, 1),
}

for name, (family, kind, protocol) in FAMILIES.items():
    attempt(f'open a socket: {name}')(lambda which=(family, kind, protocol): socket.socket(*which).close())


@attempt('configure a network device')
def configure():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        fcntl.ioctl(channel, SIOCSIFMTU, struct.pack('16si', b'lo', 60000))
