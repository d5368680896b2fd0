#!/usr/bin/python3 -B
"""farm-galera: decides when MariaDB starts on this member of a Galera cluster, and answers whether it serves.

    farm-galera serve              the daemon (farm-galera.service)
    farm-galera accept-loss NAME…  an operator's word: NAME is fenced, commits that only it has may be lost
    farm-galera may-change         whether this member may be away for a while; exits 1 and says why when it may not
    farm-galera founding NAME…     says whom a cluster that was never there waits for, if only for NAMEs; else exits 1
    farm-galera restart            restarts MariaDB so that the cluster goes on, and waits until it serves again
    farm-galera follow             the same if it runs with another configuration or program than is here
    farm-galera leave              lets another member take the writes, before this daemon is stopped
    farm-galera retire             lets another member take the writes, and this one leave for good: before it is taken out of the declaration
    farm-galera return             the other way round: this member joins again
"""

import json
import pathlib
import sys
import time
import urllib.request

import daemon
import decide
import server

CONFIG = pathlib.Path("/etc/farm/galera.json")
# Without another member that serves nobody takes the writes over, and none is needed.
HANDOVER_LIMIT = 5.0
# A daemon that has just started knows within a second whether its server serves; one that does not serve is not missed.
LOOK_AROUND = 5.0
# Proxies ask every 0.5 s and believe the second no (database-proxy.ts); nobody tells us when they have.
PROXIES_FOLLOW = 1.5
# An agent that waits for us should hear of a failure; a restart with a state transfer may take its time.
RESTART_LIMIT = 600.0


def ask(member, port):
    """The state of a member, or None while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{member}:{port}/state", timeout=2) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def states(config):
    return {name: ask(address, config["port"]) for name, address in config["members"].items()}


def accept_loss(config, names):
    mine = ask(config["members"][config["name"]], config["port"])
    if mine is None:
        sys.exit("farm-galera does not answer on this host")
    for name in names:
        if name == config["name"] or name not in mine["unaccounted"]:
            open_names = ", ".join(n for n in mine["unaccounted"] if n != config["name"]) or "nobody"
            sys.exit(f"{name}: there is no loss to accept (from here there is one for: {open_names})")
    daemon.ACCEPTED.mkdir(exist_ok=True)
    for name in names:
        (daemon.ACCEPTED / name).touch()
        print(f"noted: the cluster may go on without what only {name} has. See: journalctl -fu farm-galera")


def objection(config, seen):
    """Why the cluster can't do without this member for a while, or None. `seen`: the state of each member, by name."""
    joined = server.started_with()
    met = [name for name, address in config["members"].items() if joined is None or address in joined]
    return decide.objection(config["name"], seen, met)


def may_change(config):
    sys.exit(objection(config, states(config)))


def found_later(config, later):
    absent = decide.founding(states(config), later)
    if not absent:
        sys.exit(1)
    print(f"a cluster is founded when all its members are there, and {', '.join(absent)} is yet to come")


def give_writes_away(config):
    """Lets another member take the writes and the proxies follow, so that nobody is connected to us when we stop."""
    name = config["name"]
    server.LEAVING.touch()
    deadline = time.monotonic() + HANDOVER_LIMIT
    while (ask(config["members"][name], config["port"]) or {}).get("open") and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(PROXIES_FOLLOW)


def retire(config):
    """Leaves the cluster in good order: who is cut off from some of the others only makes all of them stop for seconds (seen)."""
    no = objection(config, states(config))
    if no:
        sys.exit(f"not retiring: {no}")
    try:
        give_writes_away(config)
        server.RETIRED.touch()
        complaint = server.stop()
    finally:
        server.LEAVING.unlink(missing_ok=True)
    if complaint:
        sys.exit(f"mariadb did not stop: {complaint}")
    print(f"{config['name']} has left; to take it back: farm-galera return")


def restart(config):
    """Restarts MariaDB with its present configuration, unless the cluster would be left without a majority."""
    if server.unit() == "stopped":
        print("mariadb is stopped: it will read its configuration when farm-galera starts it")
        return
    seen = states(config)
    mine = seen[config["name"]]
    served = bool(mine and mine["serving"])
    no = objection(config, seen)
    if no:
        sys.exit(f"not restarting mariadb: {no}")
    failures = mine["failures"] if mine else 0
    try:
        give_writes_away(config)
        complaint = server.stop()
    finally:
        server.LEAVING.unlink(missing_ok=True)
    if complaint:
        sys.exit(f"mariadb did not stop: {complaint}")
    if not served:
        # When it will, is for the whole cluster to say: it may not even be founded yet.
        print("mariadb did not serve, and is stopped: farm-galera starts it when it can")
        return
    deadline = time.monotonic() + RESTART_LIMIT
    while time.monotonic() < deadline:
        state = ask(config["members"][config["name"]], config["port"])
        if state and state["serving"]:
            return
        if state and state["failures"] > failures + 1:
            sys.exit("mariadb does not start with its present configuration; see: journalctl -u mariadb")
        time.sleep(0.5)
    sys.exit(f"mariadb does not serve again after {RESTART_LIMIT:.0f} s; see: journalctl -u mariadb -u farm-galera")


def follow(config):
    """Restarts MariaDB if it does not run with what is here. Called when the daemon has just started."""
    if server.unit() == "stopped" or not server.is_outdated():
        return
    deadline = time.monotonic() + LOOK_AROUND
    while time.monotonic() < deadline:
        mine = ask(config["members"][config["name"]], config["port"])
        if mine and mine["serving"]:
            break
        time.sleep(0.1)
    restart(config)


def main(arguments):
    config = json.loads(CONFIG.read_text())
    match arguments:
        case ["serve"]:
            server.LEAVING.unlink(missing_ok=True)
            daemon.Daemon(config).run()
        case ["accept-loss", name, *names]:
            accept_loss(config, [name, *names])
        case ["may-change"]:
            may_change(config)
        case ["founding", *later]:
            found_later(config, later)
        case ["restart"]:
            restart(config)
        case ["leave"]:
            give_writes_away(config)
        case ["retire"]:
            retire(config)
        case ["return"]:
            server.RETIRED.unlink(missing_ok=True)
        case ["follow"]:
            follow(config)
        case _:
            sys.exit(__doc__)


main(sys.argv[1:])
