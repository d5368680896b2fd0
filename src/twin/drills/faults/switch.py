"""A switch between the sites of a twin: frames cross it late, and some are lost.

    switch.py ONE_WAY_SECONDS LOSS COUNTERS TAP TAP…

Makes the TAP devices, one for each site's bridge, and carries frames between them until it is killed, when the devices
vanish with it. LOSS is the share of frames that are lost each way. COUNTERS is a file with two numbers, of frames that
were carried and of those that were lost, rewritten each second.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

# linux/if_tun.h
TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
LARGEST_FRAME = 65535


def open_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return tap


class Switch:
    def __init__(self, delay, loss, taps):
        self.delay, self.loss, self.taps = delay, loss, taps
        self.sites = {}
        self.late = []
        self.carried = self.lost = 0

    def receive(self, tap):
        """Takes all frames that a site has sent, and puts them on their way."""
        while True:
            try:
                frame = os.read(tap, LARGEST_FRAME)
            except BlockingIOError:
                return
            target, source = frame[0:6], frame[6:12]
            self.sites[source] = tap
            known = self.sites.get(target)
            for site in self.taps if known is None else [known]:
                if site != tap:
                    self.send_later(site, frame)

    def send_later(self, site, frame):
        if random.random() < self.loss:
            self.lost += 1
            return
        # The count keeps frames of one moment in their order.
        self.carried += 1
        heapq.heappush(self.late, (time.monotonic() + self.delay, self.carried, site, frame))

    def deliver(self):
        """Hands over the frames whose time has come; returns the seconds until the next one's, None without one."""
        while self.late:
            due, _, site, frame = self.late[0]
            if due > time.monotonic():
                return due - time.monotonic()
            heapq.heappop(self.late)
            try:
                os.write(site, frame)
            except OSError:
                pass  # A site whose bridge is not there yet, or no more, hears nothing.
        return None


def main():
    delay, loss, counters, names = float(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4:]
    switch = Switch(delay, loss, [open_tap(name) for name in names])
    report = 0.0
    while True:
        wait = switch.deliver()
        ready, _, _ = select.select(switch.taps, [], [], 1.0 if wait is None else max(0.0, min(1.0, wait)))
        for tap in ready:
            switch.receive(tap)
        if time.monotonic() >= report:
            with open(f"{counters}.new", "w") as file:
                file.write(f"{switch.carried} {switch.lost}\n")
            os.replace(f"{counters}.new", counters)
            report = time.monotonic() + 1.0


main()
