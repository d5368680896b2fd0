"""Promotion of a far copy by hand: the main site is lost for good, and this host goes on alone with what it has.

It becomes a cluster of its own: a vote alone, and Patroni with the configuration that lies ready for that. What the lost hosts
acknowledged and this one never received is lost. They don't begin by themselves any more when they come back (votes.py), until a
declaration has this host as a member and them as well. Interrupted, it is run again and goes on.
"""

import math
import os
import pathlib
import shutil
import subprocess
import sys
import time

import host
import votes
from decide import electing, too_dear, unpromotable
from operate import wait_for
from state import given_up_by, survey
from watch import refusal

CONFIG = pathlib.Path("/etc/patroni/config.yml")
# The same, of a cluster of one (member.ts).
ALONE = pathlib.Path("/etc/patroni/alone.yml")
# etcd alone begins in two seconds, PostgreSQL is restarted and replays what it has received.
VOTE_LIMIT = 60.0
WRITES_LIMIT = 300.0


def promote(lost, accepted):
    """`lost`: names of hosts that are given up; `accepted`: seconds of writes that may be lost, or None to be told only."""
    declared, promotion = host.declared(), host.recorded(host.PROMOTED)
    if declared["part"] != "replica":
        sys.exit(f"{declared['name']} is no far copy but a {declared['part']}; to lose a majority of the votes: farm-postgresql recover-etcd")
    if promotion is None or promotion["settled"]:
        decide(declared, promotion, lost, accepted)
    go_on(host.load())


def decide(config, former, lost, accepted):
    """Refuses, or records that this host is promoted, which is the point of no return."""
    parts = {part: list(config[part]) for part in ("members", "votes", "replicas")}
    no = unpromotable(config["name"], parts, lost, survey(config), given_up_by(config))
    if no:
        sys.exit(f"nothing is promoted: {no}")
    until, now = complete(config), time.time()
    price = math.ceil(now - until)
    names = ", ".join(sorted(lost))
    print(f"This copy is complete until {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(until))} UTC, {price} s ago.")
    print(f"Lost is what {names} acknowledged after that: at most {price} s of writes.")
    print(f"Given up are {names}: they take no writes when they come back, until a declaration says otherwise.", flush=True)
    if too_dear(price, accepted):
        # A minute to read this.
        sys.exit(f"nothing is promoted yet; if that is accepted: farm-postgresql promote --lost {' '.join(sorted(lost))} --accept-loss {price + 60}")
    if (votes.data_of(config) / "member").exists():
        votes.set_aside(config)
    given_up = sorted({*lost, *(former or {"lost": []})["lost"]})
    host.record(host.PROMOTED, {"lost": given_up, "at": now, "price": price, "settled": False})


def complete(config):
    """Until when this copy has everything, as well as can be told: seconds since 1970."""
    replayed = host.sql_here("SELECT extract(epoch FROM pg_last_xact_replay_timestamp())")
    if replayed is None:
        sys.exit("nothing is promoted: PostgreSQL does not answer here")
    seen = host.recorded(host.COMPLETE) or {"until": 0}
    return max(float(replayed or 0), seen["until"])


def go_on(config):
    """From the record to a primary that proxies send the writes to; each step finds out whether it was done."""
    print("etcd begins alone", flush=True)
    must("unmask", "etcd.service")
    must("enable", "etcd.service")
    must("start", "etcd.service")
    alone = lambda: electing(survey({**config, "part": "witness"})["votes"])
    wait_for(alone, VOTE_LIMIT, "the vote here does not begin; see journalctl -u etcd; no leader")
    if CONFIG.read_bytes() != ALONE.read_bytes():
        replace(CONFIG, ALONE)
    if refusal(config, "/writer"):
        print("PostgreSQL restarts as the primary", flush=True)
        must("restart", "patroni.service")
    must("restart", "farm-postgresql.service")
    wait_for(lambda: not refusal(config, "/writer"), WRITES_LIMIT, "this host does not take the writes")
    print(
        f"{config['name']} takes the writes, alone. Next: declare it a member of {config['cluster']}, with a second one and as "
        "many votes as there are, and apply that. Until then it refuses every declaration in which it is a copy."
    )


def replace(path, source):
    """The one file with the content and owner of the other, whole or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    shutil.copy2(source, fresh)
    shutil.chown(fresh, source.owner(), source.group())
    os.rename(fresh, path)


def must(verb, unit):
    done = subprocess.run(["systemctl", verb, unit], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"systemctl {verb} {unit}: {done.stderr.strip()}; see: journalctl -u {unit}; then run this again")


def may_copy():
    """Why this host may not become (or stay) a copy by a declaration, or None."""
    promotion, config = host.recorded(host.PROMOTED), host.load()
    if promotion is None:
        return None
    if not promotion["settled"]:
        return f"{config['name']} was promoted and takes the writes, but is declared a copy: declare it a member of {config['cluster']}"
    return None if refusal(config, "/writer") else f"{config['name']} takes the writes; hand them over first: farm-postgresql switchover"
