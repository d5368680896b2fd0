"""The watch on a host with data: what neither Patroni nor etcd does by itself."""

import threading
import time

import decide
import host
import listener
import turning
import versions
from decide import better_leader, hopeless
from operate import address_of, settle_dynamic, settled
from state import survey

EVERY = 5.0
# A copy that has not received anything for so long is looked at: a restart, a rewind and a new primary are over by then.
APART_LIMIT = 30.0


def refusal(config, path):
    """Why proxies are not to send the writes here, or None: Patroni says who is the primary, and LEAVING that it will not be for long."""
    if host.LEAVING.exists():
        return "the writes are just being handed over"
    answer = host.patroni(config, config["address"], "/primary")
    told = host.parsed(answer) or {}
    # Whoever has just got the right to write has it before its server has left recovery: `role` is the server's own word.
    if answer[0] == 200 and told.get("role") == "primary" and told.get("state") == "running":
        return None
    return f"{config['name']} is {told.get('role', 'nothing')}, {told.get('state') or answer[1]}"


def answer_proxies(config):
    listener.serve(config["address"], config["ports"]["writer"], lambda: versions.told(config), lambda path: refusal(config, path))


def watch(config):
    """Until it is stopped."""
    threading.Thread(target=listener.guarded, args=(answer_proxies, config), daemon=True).start()
    apart_since, told = None, None
    while True:
        began = time.monotonic()
        seen = survey(config)
        lead_elsewhere(config, seen)
        follow_version(config, seen)
        mine = seen["servers"][config["name"]]
        # A reload does it too; a new version of Patroni is restarted instead.
        if mine is not None and mine["state"] == "running" and not settled(config):
            settle_dynamic(config)
        apart = mine is not None and mine["role"] == "replica" and not mine["streaming"] and mine["state"] != "creating replica"
        apart_since = (apart_since or began) if apart else None
        if apart_since and began - apart_since > APART_LIMIT:
            why = hopeless(config["name"], seen, oldest_kept(config))
            if why and why != told:
                print(f"{why}: making a fresh one", flush=True)
                host.patroni(config, address_of(config, config["name"]), "/reinitialize", {"force": True}, limit=10)
            told = why
        time.sleep(max(0.0, EVERY - (time.monotonic() - began)))


def follow_version(config, seen):
    """Where the cluster has come to another version, this host comes there too; an upgrade here that was killed is ended."""
    if decide.primary(seen["servers"]) == config["name"]:
        versions.settle(config)
    turning.undo_killed(config)
    known = versions.read(config)
    if known and known["version"] != versions.running(config) and turning.idle():
        print(f"the cluster's data is of PostgreSQL {known['version']} now", flush=True)
        host.LEAVING.unlink(missing_ok=True)
        host.systemctl("restart", "--no-block", "patroni.service")


def lead_elsewhere(config, seen):
    better = better_leader(config["name"], seen, config["members"])
    if better:
        own = seen["votes"][config["name"]]
        host.etcd(config, config["votes"][config["name"]], "/maintenance/transfer-leadership", {"targetID": seen["votes"][better]["id"]})
        print(f"etcd was led from the primary's machine ({own['id']}): {better} leads it now", flush=True)


def oldest_kept(config):
    """The first position in the log that the primary still has, or None where it can't be told."""
    segment = "pg_size_bytes(current_setting('wal_segment_size'))"
    number = "('x' || substr(name, {}, 8))::bit(32)::bigint"
    found = host.sql_writer(
        config,
        f"SELECT min({number.format(9)} * 4294967296 + {number.format(17)} * {segment}) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{{24}}$'",
    )
    return int(found) if found else None
