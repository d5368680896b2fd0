#!/usr/bin/python3 -ES
"""WireGuard keys that change without a gap.

WireGuard knows a host by its key alone, and hosts get their new configuration one after another. So the configuration
says what is to be, and until all have it the interface keeps what was: a peer's former key beside the new one, and
this host's own former key in place of the new one.

    farm-mesh reload            bring the interface to its configuration, but for former keys
    farm-mesh follow            while a peer has two keys: send its traffic to the one it came with last
    farm-mesh turn KEY          use this host's new key, KEY in its public form; back to the former if peers fall silent
    farm-mesh retire HOST KEY   refuse a peer's former keys, once it comes with KEY

Each may be run again and does what is left to do. Exit code 1 with one sentence says why one could not.
"""

import contextlib
import fcntl
import ipaddress
import json
import os
import socket
import subprocess
import sys
import time

INTERFACE = "wg0"
HOME = "/var/lib/farm-mesh"
FORMER = f"{HOME}/former.json"
LOCK = "/run/farm-mesh.lock"
FOLLOWER = "farm-mesh.service"

# Seconds. A host that has turned is heard again after this at most, on top of the handshake.
POLL = 0.2
# What is unanswered is asked again by WireGuard after 5 s (Rekey-Timeout); twice is enough.
ANSWER_LIMIT = 10
# A session lives for 180 s (Reject-After-Time): a peer without a younger handshake was not there to begin with.
SESSION = 180
# A peer with two keys is called by both, so that the one it has answers, whoever has something to say.
CALL_EVERY = 5


def run(*argv, stdin=None):
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{argv[0]} {argv[1]}: {done.stderr.strip() or done.returncode}")
    return done.stdout


@contextlib.contextmanager
def locked():
    with open(LOCK, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Config:
    """wg0.conf as wg(8) takes it: own `key`, and `peers` by AllowedIPs, each with its `key` and its other lines."""

    def __init__(self):
        self.head, self.peers = [], {}
        sections = run("wg-quick", "strip", INTERFACE).split("[Peer]")
        self.key = self._take(sections[0].splitlines(), "PrivateKey", self.head)
        for section in sections[1:]:
            lines, rest = section.splitlines(), []
            peer = {"key": self._take(lines, "PublicKey", rest), "lines": rest}
            self.peers[self._take(rest[:], "AllowedIPs", peer["lines"])] = peer

    @staticmethod
    def _take(lines, key, rest):
        rest[:] = [line for line in lines if line.strip() and not line.startswith(key)]
        return next(line.partition("=")[2].strip() for line in lines if line.startswith(key))


class Live:
    """The interface as it runs: own `key`, when each peer's key had its last `handshakes`, who has which `addresses`."""

    def __init__(self):
        own, *peers = [line.split("\t") for line in run("wg", "show", INTERFACE, "dump").splitlines()]
        self.key = own[0]
        self.handshakes = {peer[0]: int(peer[4]) for peer in peers}
        self.addresses = {peer[3]: peer[0] for peer in peers if peer[3] != "(none)"}

    def newest(self, keys):
        """Of a peer's keys the one it came with last; the first counts where two came within one second."""
        return max(keys, key=lambda key: (self.handshakes.get(key, 0), -keys.index(key)))

    def holder(self, addresses, keys):
        """Of a peer's keys, the new one first, the one that is to have its traffic."""
        newest = self.newest(keys)
        if self.handshakes.get(newest, 0):
            return newest
        present = self.addresses.get(addresses)
        return present if present in keys else keys[0]


def load():
    """`own`: the former key that this host still uses, or None; `peers`, by address: all keys, the new one first."""
    try:
        with open(FORMER, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {"own": None, "peers": {}}


def save(former):
    os.makedirs(HOME, 0o700, exist_ok=True)
    handle = os.open(f"{FORMER}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(former, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{FORMER}.new", FORMER)


def note(config, live):
    """What of the past has to be kept for this configuration."""
    noted = load()
    own = noted["own"] or live.key
    former = {"own": own if own not in (config.key, "(none)") else None, "peers": {}}
    for addresses, peer in config.peers.items():
        newest, *older = noted["peers"].get(addresses, [None])
        # A new key that was taken back before the peer ever had it leaves no trace.
        known = [live.addresses.get(addresses), *older, *([newest] if live.handshakes.get(newest) else [])]
        keys = list(dict.fromkeys([peer["key"], *filter(None, known)]))
        if len(keys) > 1:
            former["peers"][addresses] = keys
    return former


def settle(config, live, former, wake=False):
    """Makes the interface so without touching sessions that go on. `wake`: call all peers at once."""
    lines = [*config.head, f"PrivateKey = {former['own'] or config.key}"]
    for addresses, peer in config.peers.items():
        keys = former["peers"].get(addresses, [peer["key"]])
        holder = live.holder(addresses, keys)
        for key in keys:
            call = 1 if wake else CALL_EVERY if len(keys) > 1 else 0
            lines += ["[Peer]", f"PublicKey = {key}", *peer["lines"], f"PersistentKeepalive = {call}"]
            lines += [f"AllowedIPs = {addresses}"] if key == holder else []
    run("wg", "syncconf", INTERFACE, "/dev/stdin", stdin="\n".join(lines) + "\n")


def settle_routes(config):
    """Leads each peer's address into the interface, as wg-quick does when it brings it up, and no other."""
    present = {line.split()[0] for line in run("ip", "-4", "route", "show", "dev", INTERFACE).splitlines()}
    wanted = {addresses.removesuffix("/32") for addresses in config.peers}
    for verb, routes in (("add", wanted - present), ("del", present - wanted)):
        for route in routes:
            run("ip", "-4", "route", verb, route, "dev", INTERFACE)


def reload():
    with locked():
        config, live = Config(), Live()
        former = note(config, live)
        if former != load():
            save(former)
        settle(config, live, former)
        settle_routes(config)
    if former["peers"]:
        # One that is just ending would not be started by `start`.
        run("systemctl", "restart", "--no-block", FOLLOWER)


def follow():
    while True:
        with locked():
            peers = load()["peers"]
            live = Live() if peers else None
            for addresses, keys in peers.items():
                holder = live.holder(addresses, keys)
                if live.addresses.get(addresses) != holder:
                    run("wg", "set", INTERFACE, "peer", holder, "allowed-ips", addresses)
                    print(f"{addresses} comes with {'its new' if holder == keys[0] else 'a former'} key", flush=True)
        if not peers:
            return
        time.sleep(POLL)


def turn(public_key):
    with locked():
        config, live, former = Config(), Live(), load()
        if run("wg", "pubkey", stdin=config.key).strip() != public_key:
            sys.exit("the configuration of this host has another key: it has to be activated first")
        if live.key == config.key:
            return
        # Handshakes are told to the second, so those before the turn and those after it must not share one.
        while max(live.handshakes.values(), default=0) >= int(time.time()):
            time.sleep(0.05)
            live = Live()
        began = int(time.time())
        awaited = {address for address, key in live.addresses.items() if live.handshakes[key] > began - SESSION}
        save({**former, "own": None})
        settle(config, live, {**former, "own": None}, wake=True)
        silent = await_handshakes(awaited, began)
        if silent:
            former = {**former, "own": live.key}
            save(former)
        else:
            former = load()
        settle(config, Live(), former)
    if silent:
        sys.exit(f"back to the former key: with the new one {', '.join(sorted(silent))} did not answer within {ANSWER_LIMIT} s")
    print(f"{len(awaited)} peers answer to the new key")


def await_handshakes(awaited, since):
    """Which of the addresses have had no handshake since then when the time is up."""
    end = time.monotonic() + ANSWER_LIMIT
    while True:
        live = Live()
        silent = {address for address in awaited if live.handshakes[live.addresses[address]] < since}
        if not silent or time.monotonic() > end:
            return silent
        time.sleep(0.05)


def retire(host, key):
    addresses = str(ipaddress.ip_network(socket.gethostbyname(host)))
    end = time.monotonic() + ANSWER_LIMIT
    while True:
        with locked():
            config, live, former = Config(), Live(), load()
            if config.peers[addresses]["key"] != key:
                sys.exit(f"the configuration of this host has another key of {host}: it has to be activated first")
            keys = former["peers"].get(addresses, [key])
            if len(keys) == 1:
                return
            if live.handshakes.get(key) and live.newest(keys) == key:
                del former["peers"][addresses]
                save(former)
                settle(config, live, former)
                print(f"former keys of {host} are refused")
                return
        if time.monotonic() > end:
            sys.exit(f"{host} has not come with its new key within {ANSWER_LIMIT} s: its former one stays good")
        time.sleep(POLL)


COMMANDS = {"reload": (reload, 0), "follow": (follow, 0), "turn": (turn, 1), "retire": (retire, 2)}


def main():
    name, *arguments = sys.argv[1:] or [""]
    command, count = COMMANDS.get(name, (None, 0))
    if command is None or len(arguments) != count:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    command(*arguments)


if __name__ == "__main__":
    main()
