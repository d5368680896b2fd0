"""Who listens on this host, from the kernel's own tables: one reading, no question to any program."""

import os

TABLES = (("tcp", "/proc/net/tcp"), ("tcp", "/proc/net/tcp6"), ("udp", "/proc/net/udp"), ("udp", "/proc/net/udp6"))
# States of the kernel's include/net/tcp_states.h: a TCP socket that listens, a UDP socket that is not connected.
WAITING = {"tcp": "0A", "udp": "07"}


def readable(address):
    """An address as people write it, from the kernel's hexadecimal words, each in the order of this machine."""
    import ipaddress
    import sys
    words = [int(address[start:start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(address), 8)]
    found = ipaddress.ip_address(b"".join(words))
    return getattr(found, "ipv4_mapped", None) or found


def sockets():
    """All waiting sockets: (protocol, port, address, inode)."""
    for protocol, table in TABLES:
        try:
            with open(table, encoding="ascii") as file:
                lines = file.readlines()[1:]
        except FileNotFoundError:
            # A kernel without IPv6.
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == WAITING[protocol]:
                address, port = fields[1].split(":")
                yield protocol, int(port, 16), readable(address), fields[9]


def first_passing_port():
    """The kernel gives ports from here on to whoever asks for any."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        return int(file.read().split()[0])


def program_of(inode):
    """`name (pid N)` of a process that holds a socket; None when it is the kernel's own or was closed meanwhile."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with os.scandir(f"/proc/{pid}/fd") as handles:
                if any(os.readlink(handle.path) == f"socket:[{inode}]" for handle in handles):
                    with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                        return f"{file.read().strip()} (pid {pid})"
        except OSError:
            # It has ended since.
            continue
    return None


def listeners(declared):
    """
    What is listened on: {"PORT/PROTOCOL": {port, address}}, with " on loopback" after the name where only this host gets there.
    Of what the kernel gives out in passing: UDP sockets count only when `declared` (names of the same form), they are
    clients that wait for an answer; TCP ones go by their program, as "any/tcp PROGRAM", for the number changes.
    """
    found, passing = {}, first_passing_port()
    for protocol, port, address, inode in sockets():
        name = f"{port}/{protocol}" + (" on loopback" if address.is_loopback else "")
        if port >= passing and name not in declared and not address.is_loopback:
            if protocol == "udp":
                continue
            name = f"any/tcp {(program_of(inode) or 'the kernel').split(' (')[0]}"
        found[name] = {"port": f"{port}/{protocol}", "address": str(address)}
    return found


def listener_at(name):
    """Who listens on "PORT/PROTOCOL" now."""
    programs = (program_of(inode) for protocol, port, _, inode in sockets() if f"{port}/{protocol}" == name)
    return next(filter(None, programs), "the kernel")
