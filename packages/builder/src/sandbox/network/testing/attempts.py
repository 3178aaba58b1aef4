# Tries to reach servers from a sandbox, for tests. Reads lines "KIND HOST PORT", prints lines "KIND HOST PORT RESULT": RESULT is "open"
# if an answer came, otherwise the reason. With the arguments "serve PORT [without-dns]", serves the ports that the attempts look for.
import socket
import struct
import sys
import threading

QUERY = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04copr\x04test\x00\x00\x01\x00\x01"
ANSWER = b"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + QUERY[12:] + b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x01\x02\x03\x04"
RAW = b"sent in fragments"
SECONDS = 4


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def target(host, port):
    return socket.getaddrinfo(host, port, family(host), 0, 0, socket.AI_NUMERICHOST)[0][4]


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def tcp(host, port):
    with socket.socket(family(host), socket.SOCK_STREAM) as sock:
        sock.settimeout(SECONDS)
        sock.connect(target(host, port))
        return sock.recv(5) == b"hello"


def tcp_connect(host, port):
    with socket.socket(family(host), socket.SOCK_STREAM) as sock:
        sock.settimeout(SECONDS)
        sock.connect(target(host, port))
        return True


def ask(host, port, question, answer):
    with socket.socket(family(host), socket.SOCK_DGRAM) as sock:
        sock.settimeout(SECONDS)
        sock.connect(target(host, port))
        sock.send(question)
        return sock.recv(512) == answer


def udp(host, port):
    return ask(host, port, b"hello", b"hello")


def dns(host, port):
    return ask(host, port, QUERY, ANSWER)


def dns_tcp(host, port):
    with socket.socket(family(host), socket.SOCK_STREAM) as sock:
        sock.settimeout(SECONDS)
        sock.connect(target(host, port))
        sock.sendall(struct.pack("!H", len(QUERY)) + QUERY)
        return sock.recv(512) == struct.pack("!H", len(ANSWER)) + ANSWER


def ping(host, port):
    echo = struct.pack("!BBHHH", 8, 0, 0, 7, 7)
    echo = struct.pack("!BBHHH", 8, 0, checksum(echo), 7, 7)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
        sock.settimeout(SECONDS)
        sock.sendto(echo, (host, 0))
        while True:
            packet, (sender, _) = sock.recvfrom(512)
            if sender == host and packet[20] == 0:
                return True
            if packet[20] == 3:
                raise OSError("ICMP unreachable")


def raw(host, port):
    """Sends the datagram RAW in two fragments, and within an IP packet of its own; the server counts what arrives."""
    source = probe_source(host)
    datagram = struct.pack("!HHHH", 4000, port, 8 + len(RAW), 0) + RAW
    whole = ip_packet(source, host, 17, datagram)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        sock.sendto(ip_packet(source, host, 17, datagram[:16], 0x2000), (host, 0))
        sock.sendto(ip_packet(source, host, 17, datagram[16:], 2), (host, 0))
        sock.sendto(ip_packet(source, host, 4, whole), (host, 0))
    return True


def probe_source(host):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((host, 9))
        return sock.getsockname()[0]


def ip_packet(source, host, protocol, payload, fragment=0):
    fields = (0x45, 0, 20 + len(payload), 77, fragment, 64, protocol, 0, socket.inet_aton(source), socket.inet_aton(host))
    return struct.pack("!BBHHHBBH4s4s", *fields) + payload


def raw_count(host, port):
    """Returns whether the server has received RAW."""
    return not ask(host, port, b"count", b"0")


KINDS = {"raw": raw, "raw-received": raw_count, "tcp": tcp, "tcp-connect": tcp_connect, "udp": udp, "dns": dns, "dns-tcp": dns_tcp, "ping": ping}


def attempt(line, results, index):
    kind, host, port = line.split()
    try:
        result = "open" if KINDS[kind](host, int(port)) else "another answer"
    except OSError as error:
        result = str(error)
    results[index] = f"{line.strip()} {result}"


def serve(port, with_dns):
    def listen(number, respond):
        sock = socket.create_server(("::", number), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)

        def loop():
            while True:
                conn, _ = sock.accept()
                with conn:
                    try:
                        respond(conn)
                    except OSError:
                        pass

        threading.Thread(target=loop, daemon=True).start()

    def datagrams(number, respond):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # Answers must come from the address that was asked.
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        sock.bind(("::", number))

        def loop():
            while True:
                data, info, _, sender = sock.recvmsg(512, 256)
                sock.sendmsg([respond(data)], info, 0, sender)

        threading.Thread(target=loop, daemon=True).start()

    def answer(conn):
        conn.settimeout(5)
        conn.recv(512)
        conn.sendall(struct.pack("!H", len(ANSWER)) + ANSWER)

    listen(port, lambda conn: conn.sendall(b"hello"))
    received = []

    def echo(data):
        if data == RAW:
            received.append(data)
        return str(len(received)).encode() if data == b"count" else data

    datagrams(port, echo)
    if with_dns:
        listen(53, answer)
        datagrams(53, lambda data: data[:2] + ANSWER[2:])
    print("ready", flush=True)
    sys.stdin.read()


if sys.argv[1:2] == ["serve"]:
    serve(int(sys.argv[2]), "without-dns" not in sys.argv)
else:
    wanted = sys.stdin.read().splitlines()
    found = [""] * len(wanted)
    threads = [threading.Thread(target=attempt, args=(line, found, index)) for index, line in enumerate(wanted)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("\n".join(found))
