"""The daemon: watches the server here and the other members, tells them and the proxies, and acts as decided."""

import json
import os
import pathlib
import socket
import sys
import threading
import time
import urllib.request

import server
from agent_lock import in_change
from decide import agreed, conditions, decide, lost, serving, unaccounted, writer
from listener import guarded, serve

# An operator's word is for one occasion, what followed from it is for good.
ACCEPTED = pathlib.Path("/run/farm-galera/accepted")
LOST = pathlib.Path("/var/lib/farm-galera/lost")

# Proxies ask twice a second, so the answer should not be older than that.
SAMPLE_EVERY = 0.25
POLL_EVERY = 0.5
DECIDE_EVERY = 0.5
# A silent member counts as gone about when Galera drops it too (evs.suspect_timeout 2 s and a view change).
STALE_AFTER = 2.5
POLL_LIMIT = 1.0
PROXIES_FOLLOW = 3.0  # They ask every 0.5 s and believe the second no; an answer may take a second (database-proxy.ts).
# Pauses before the second, third… start within two minutes: a server that dies at once should not be flogged.
PAUSES = (0, 2, 4, 8, 16, 30)
PAUSES_FORGET = 120.0
# What a member is taken for where its account says nothing: during an update members run different versions.
SILENT_ON = {
    **{"server": "running", **server.wsrep(None), "history": None, "position": None, "fault": None},
    **{"accepted": [], "lost": [], "writer": None, "term": 0, "open": True},
}


class Daemon:
    """What this member knows, kept fresh by a thread each for the server here and for every other member."""

    def __init__(self, config):
        self.name, self.members = config["name"], config["members"]
        self.address, self.port = self.members[self.name], config["port"]
        self.peers = {name: (None, float("-inf")) for name in self.members if name != self.name}
        self.sample = ({"server": "stopped", **server.wsrep(None)}, float("-inf"))
        self.asked = set()
        self.position, self.fault = None, None
        # Of the writer: term and name, changed together.
        self.choice = (0, None)
        self.open = False  # To proxies: this is the writer, all know it, and it has what the one before acknowledged.
        self.opened = float("-inf")
        self.alone = True  # Sessions here may read without asking whether others have committed something.
        self.mute = None  # Whether the server here answers nobody; not known of one that somebody else started.
        self.gave_up = float("-inf")
        self.unaccounted = []
        self.doing = "starting"
        self.starts, self.failures = [], 0
        self.since = {}

    # What is known

    def states(self):
        """The state of every member but those that have retired, None for those that have not answered lately."""
        now = time.monotonic()
        found = {
            name: state if now - when < STALE_AFTER else None
            for name, (state, when) in list(self.peers.items())
            if not (state and state.get("retired"))
        }
        return {**found, self.name: self.state()}

    def state(self):
        """This member's account of itself: what decide.py reads, and what helps a person."""
        sample, when = self.sample
        fresh = time.monotonic() - when < STALE_AFTER
        return {
            "name": self.name,
            "members": sorted(self.members),
            **sample,
            "view": [name for name, address in self.members.items() if address in sample["view"]],
            "serving": sample["serving"] and fresh,
            "history": server.history(),
            "position": self.position,
            "fault": self.fault,
            "accepted": names_in(ACCEPTED),
            "lost": names_in(LOST),
            "unaccounted": self.unaccounted,
            "writer": self.choice[1],
            "term": self.choice[0],
            "open": self.open,
            "doing": self.doing,
            "failures": self.failures,
            "changing": in_change(),
            "room": server.has_room(),
            "leaving": server.LEAVING.exists(),
            "retired": server.RETIRED.exists(),
        }

    def refusal(self, path):
        """Why the proxies' question (/: serving? /writer: does it take the writes?) is answered with no, or None."""
        state = self.state()
        if not state["serving"]:
            return f"{self.name} does not serve: {self.doing}"
        if self.mute:
            return f"{self.name} answers nobody: its disk is full"
        if path == "/writer" and not state["open"]:
            return f"{self.name} does not take the writes: {state['writer']} does, once all know and it has caught up"
        return None

    # Threads

    def watch_server(self):
        client = server.StatusClient()
        while True:
            began = time.monotonic()
            status = client.ask() if os.path.exists(server.SOCKET) else client.close()
            seen = server.wsrep(status)
            seen["server"] = server.unit() if status is None else "running"
            if seen["server"] != "stopped":
                self.position, self.fault = None, None
            if seen["serving"] and not self.sample[0]["serving"]:
                server.flush()
                self.open, self.mute = False, None
            self.sample = (seen, time.monotonic())
            # Before all have been asked we would take ourselves for the only one.
            if self.asked == set(self.peers):
                self.assign_writer()
            time.sleep(max(0.0, SAMPLE_EVERY - (time.monotonic() - began)))

    def assign_writer(self):
        _, former = self.choice
        states = self.states()
        term, present = writer(states)
        if present != self.name and self.alone:
            self.share()
        self.mind_room(present)
        self.choice = (term, present)
        if former != present:
            print(f"writer: {present} (term {term})", flush=True)
        if present == self.name:
            # Its own part of what the cluster has committed may still wait to be applied.
            if not self.open and agreed(self.name, states) and server.catch_up():
                server.read_with_others()
                self.open, self.alone, self.opened = True, False, time.monotonic()
            # Until all proxies have followed, the former writer takes writes too: reads here wait for them.
            if self.open and not self.alone and time.monotonic() - self.opened > PROXIES_FOLLOW:
                self.alone = server.read_alone()
            return
        leaving = server.LEAVING.exists()
        if self.open and leaving and present and not states[present]["open"]:
            return  # Whoever leaves in good order serves until the next one does.
        if self.open:
            self.open, self.gave_up = False, time.monotonic()
        elif leaving:
            return  # This server is stopped in a moment; who came to it meanwhile loses one session, not one after another.
        if time.monotonic() - self.gave_up < PROXIES_FOLLOW and os.path.exists(server.SOCKET):
            # The next statement of these belongs to the new writer, and proxies bring more until they have followed.
            server.drop_clients()

    def share(self):
        """Before anybody can know of another writer: from now on a read here waits for what that one has committed."""
        self.alone = False
        if os.path.exists(server.SOCKET):
            server.read_with_others()
            server.drop_clients()

    def mind_room(self, writer):
        """On a full disk nothing that others commit can be applied, and reads that wait for it went on for the second that
        Galera takes to put the member out (seen: two too old in one drill). So nobody reads here meanwhile."""
        mute = writer != self.name and not server.has_room()
        if mute != self.mute and os.path.exists(server.SOCKET) and server.answer(not mute):
            self.mute = mute
            if mute:
                server.drop_clients()

    def watch_peer(self, name):
        address = f"http://{self.members[name]}:{self.port}/state"
        # Without proxies from the environment: peers are asked directly.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            began = time.monotonic()
            try:
                with opener.open(address, timeout=POLL_LIMIT) as answer:
                    self.peers[name] = ({**SILENT_ON, **json.load(answer)}, time.monotonic())
            except (OSError, ValueError):
                pass  # Counts as silent once its last answer is stale.
            self.asked.add(name)
            time.sleep(max(0.0, POLL_EVERY - (time.monotonic() - began)))

    def serve(self):
        serve(self.address, self.port, self.state, self.refusal)

    # Acting

    def run(self):
        """Serves, watches and acts until it is stopped. MariaDB goes on without it."""
        threads = [(self.watch_server, ()), (self.serve, ()), *((self.watch_peer, (name,)) for name in self.peers)]
        for target, arguments in threads:
            threading.Thread(target=guarded, args=(target, *arguments), daemon=True).start()
        notify("READY=1")
        while True:
            self.step()
            time.sleep(DECIDE_EVERY)

    def step(self):
        """Decides once and does it."""
        states = self.states()
        if self.sample[1] == float("-inf"):
            return
        now = time.monotonic()
        holding = conditions(self.name, states)
        self.since = {name: self.since.get(name, now) for name, holds in holding.items() if holds}
        clocks = {name: now - self.since.get(name, now) for name in holding}
        action, why = decide(self.name, states, clocks)
        if states[self.name]["server"] == "running":
            server.BOOTSTRAP.unlink(missing_ok=True)
        if states[self.name]["serving"]:
            self.failures = 0
        self.unaccounted = [] if serving(states) else unaccounted(states)
        self.remember(states)
        getattr(self, f"do_{action}")(why)

    def remember(self, states):
        """Keeps the record of lost members; an accepted loss is settled when those that serve have recorded it."""
        recorded = lost(self.name, states)
        LOST.mkdir(exist_ok=True)
        for name in set(recorded) ^ set(names_in(LOST)):
            (LOST / name).touch() if name in recorded else (LOST / name).unlink()
        able = serving(states)
        for name in names_in(ACCEPTED):
            if name in able or any(name in states[holder]["lost"] for holder in able):
                (ACCEPTED / name).unlink()

    def say(self, text):
        if text != self.doing:
            self.doing = text
            print(text, flush=True)
            notify(f"STATUS={text}")

    def do_rest(self, why):
        self.say(why)

    do_wait = do_rest

    def do_recover(self, why):
        self.say(why)
        self.position, self.fault = server.recover()

    def do_stop(self, why):
        self.say(why)
        self.complain(server.stop_by_force())

    def do_start(self, why):
        self.launch(why, server.start)

    def do_bootstrap(self, why):
        self.launch(why, server.bootstrap)

    def launch(self, why, start):
        now = time.monotonic()
        self.starts = [when for when in self.starts if now - when < PAUSES_FORGET]
        pause = PAUSES[min(len(self.starts), len(PAUSES) - 1)]
        if self.starts and now - self.starts[-1] < pause:
            self.say(f"{why}; mariadb ended soon after its last start, trying again in a moment")
            return
        no = server.obstacle() or self.homeless()
        if no:
            self.say(f"{why}; waiting: {no}")
            return
        self.say(why)
        self.starts.append(now)
        self.failures += 1
        self.position, self.fault = None, None
        self.complain(start())

    def homeless(self):
        """Whether the address that MariaDB is to listen on is not there yet."""
        with socket.socket() as probe:
            try:
                probe.bind((self.address, 0))
            except OSError:
                return f"this host has no address {self.address} yet"
        return None

    def complain(self, text):
        if text:
            print(text, file=sys.stderr, flush=True)


def names_in(folder):
    """Names of the marks in a folder that may not be there."""
    return sorted(mark.name for mark in folder.glob("*"))


def notify(message):
    """Tells systemd (sd_notify(3))."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notification:
        notification.sendto(message.encode(), os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
