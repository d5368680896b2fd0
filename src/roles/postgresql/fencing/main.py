#!/usr/bin/python3 -B
"""farm-fence: watches the member of a PostgreSQL cluster that takes the writes, and has it switched off when it is lost.

Runs on every vote of the cluster. Each answers the others which members it has not heard from; the one that confirms the writes
acts: it asks the Proxmox host of the lost member to stop it, and only when that says so gives up its right to write. Without
that word nothing is given up, and the right runs out by itself. A machine that was stopped so is started by a person, once they
know why it was lost: pct start NUMBER on its Proxmox host.
"""

import json
import pathlib
import socket
import threading
import time
import urllib.error
import urllib.request

from decide import decide
from etcd import Etcd, NoMajority
from listener import guarded, serve

CONFIG = pathlib.Path("/etc/farm/fence.json")
POLL_EVERY = 0.5
ANSWER_LIMIT = 1.0
# Proxmox stops a container in about a second (pct stop, no shutdown); a busy host may take longer.
STOP_LIMIT = 15.0


class Watch:
    """What this vote hears of the members, kept fresh by a thread for each."""

    def __init__(self, config):
        self.name, self.scope = config["name"], config["scope"]
        self.votes, self.members, self.stoppers = config["votes"], config["members"], config["stoppers"]
        self.port, self.rest_port, self.stop_port = config["port"], config["restPort"], config["stopPort"]
        addresses = [self.votes[self.name], *(address for name, address in self.votes.items() if name != self.name)]
        self.etcd = Etcd([f"http://{address}:{config['etcdPort']}" for address in addresses])
        # When each member was last heard; nothing of those that have not been heard since this watch began.
        self.heard = {}
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.said = None

    def silence(self):
        now = time.monotonic()
        return {name: now - when for name, when in list(self.heard.items())}

    def listen_to(self, name):
        """Any answer of Patroni's shows that the machine lives, also one that says it is no leader."""
        url = f"http://{self.members[name]}:{self.rest_port}/liveness"
        while True:
            began = time.monotonic()
            try:
                with self.opener.open(url, timeout=ANSWER_LIMIT):
                    self.heard[name] = time.monotonic()
            except urllib.error.HTTPError:
                self.heard[name] = time.monotonic()
            except OSError:
                pass
            time.sleep(max(0.0, POLL_EVERY - (time.monotonic() - began)))

    def opinions(self):
        """What the other votes have not heard, as far as they answer."""
        found = {}
        for name, address in self.votes.items():
            if name == self.name or self.silence().get(name, 0.0) >= ANSWER_LIMIT * 2:
                continue
            try:
                with self.opener.open(f"http://{address}:{self.port}/state", timeout=ANSWER_LIMIT) as answer:
                    found[name] = json.load(answer)
            except (OSError, ValueError):
                pass
        return found

    def seen(self):
        """As decide.py has it. Others are asked only when this vote itself misses the leader."""
        try:
            leader = self.etcd.get(f"/service/{self.scope}/leader")
            sync = json.loads(self.etcd.get(f"/service/{self.scope}/sync") or "{}")
            settings = json.loads(self.etcd.get(f"/service/{self.scope}/config") or "{}")
        except NoMajority:
            leader, sync, settings = None, {}, {}
        return {
            "leader": leader,
            "standbys": [name for name in (sync.get("sync_standby") or "").split(",") if name],
            "paused": bool(settings.get("pause")),
            "silence": self.silence(),
            "opinions": self.opinions() if leader and self.silence().get(leader, 0.0) >= ANSWER_LIMIT * 2 else {},
        }

    def say(self, text):
        if text != self.said:
            self.said = text
            print(text, flush=True)

    def step(self):
        seen = self.seen()
        decision = decide(self.name, list(self.votes), seen)
        # How long somebody has been silent changes all the time; the journal wants to know that it is so.
        self.say(decision.why.split(" for ")[0])
        if not decision.fence:
            return
        leader = seen["leader"]
        print(f"{decision.why}: having it stopped", flush=True)
        no = self.stop(leader)
        if no:
            print(f"{leader} could not be stopped, so its right to write is left to run out: {no}", flush=True)
            return
        try:
            given_up = self.etcd.delete_if(f"/service/{self.scope}/leader", leader)
        except NoMajority:
            print("etcd has lost its majority: the right to write runs out by itself", flush=True)
            return
        print(f"{leader} is stopped; its right to write {'is given up' if given_up else 'had run out'}", flush=True)
        del self.heard[leader]

    def stop(self, member):
        """Has a member's machine stopped. Returns why that is not sure, or None."""
        try:
            with socket.create_connection((self.stoppers[member], self.stop_port), timeout=ANSWER_LIMIT * 2) as connection:
                connection.settimeout(STOP_LIMIT)
                connection.sendall(f"{member}\n".encode())
                answer = connection.makefile().readline().strip()
        except OSError as error:
            return f"its Proxmox host does not answer: {error}"
        return None if answer == "stopped" else answer or "its Proxmox host hung up"

    def serve(self):
        serve(self.votes[self.name], self.port, self.silence, lambda _: None)

    def run(self):
        targets = [(self.serve, ()), *((self.listen_to, (name,)) for name in self.members if name != self.name)]
        for target, arguments in targets:
            threading.Thread(target=guarded, args=(target, *arguments), daemon=True).start()
        while True:
            began = time.monotonic()
            self.step()
            time.sleep(max(0.0, POLL_EVERY - (time.monotonic() - began)))


Watch(json.loads(CONFIG.read_text())).run()
