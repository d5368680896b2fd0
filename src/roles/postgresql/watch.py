"""The watch on a host with data: what neither Patroni nor etcd does by itself."""

import threading
import time

import host
import listener
import turning
import versions
from agent_lock import in_change
from decide import better_leader, complete_until, electing, hopeless, primary, promoted_without
from operate import address_of, settle_dynamic, settled
from state import given_up_by, survey

EVERY = 5.0
# A copy that has not received anything for so long is looked at: a restart, a rewind and a new primary are over by then.
APART_LIMIT = 30.0
# Patroni answers within seconds of the votes' election, on a busy machine too.
MUTE_LIMIT = 30.0


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
    told = lambda: {**versions.told(config), "lost": (host.recorded(host.PROMOTED) or {}).get("lost", [])}
    listener.serve(config["address"], config["ports"]["writer"], told, lambda path: refusal(config, path))


def watch(config):
    """Until it is stopped."""
    threading.Thread(target=listener.guarded, args=(answer_proxies, config), daemon=True).start()
    apart_since, mute_since, told, before = None, None, None, None
    while True:
        # A declaration that has just come may already say otherwise of whom it gives up.
        config = host.load()
        began, when = time.monotonic(), time.time()
        seen = survey(config)
        lead_elsewhere(config, seen)
        follow_version(config, seen)
        give_way(config)
        settle_promotion(config, seen["votes"])
        before = note_complete(config, seen, when, before)
        mine = seen["servers"][config["name"]]
        mute_since = (mute_since or began) if mine is None and electing(seen["votes"]) else None
        if mute_since and began - mute_since > MUTE_LIMIT:
            begin_patroni_anew()
            mute_since = None
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


def begin_patroni_anew():
    """
    Patroni that runs and does not answer although there is a majority of votes. With `use_proxies` it asks etcd for its version
    once (Patroni 4.0.7, dcs/etcd3.py): of a cluster that is just being founded it takes one for it whose paths etcd 3.5 does
    not have, and finds nothing under them for ever.
    """
    if host.active("patroni.service"):
        print(f"Patroni has not answered for {MUTE_LIMIT:.0f} s while the votes have a majority: it begins anew", flush=True)
        host.systemctl("restart", "--no-block", "patroni.service")


def follow_version(config, seen):
    """Where the cluster has come to another version, this host comes there too; an upgrade here that was killed is ended."""
    if primary(seen["servers"]) == config["name"]:
        versions.settle(config)
    turning.undo_killed(config)
    known = versions.read(config)
    if known and known["version"] != versions.running(config) and turning.idle():
        print(f"the cluster's data is of PostgreSQL {known['version']} now", flush=True)
        host.LEAVING.unlink(missing_ok=True)
        host.systemctl("restart", "--no-block", "patroni.service")


def give_way(config):
    """A member that lives although it was given up stops, so that one primary alone takes writes; its data stays."""
    promoted = promoted_without(config["name"], given_up_by(config)) if config["part"] == "member" else []
    if promoted and host.load() == config:
        print(f"{', '.join(promoted)} was promoted, and this host given up: stopping PostgreSQL here", flush=True)
        host.systemctl("stop", "--no-block", "patroni.service")
        host.systemctl("restart", "--no-block", "etcd.service")


def settle_promotion(config, votes):
    """Once a declaration counts on the promoted copy as a member, given up are those alone that have not joined it yet."""
    # Patroni is not to be restarted in the middle of a change that brings it new votes: the change would fail.
    if in_change():
        return
    promotion, me = host.recorded(host.PROMOTED), config["name"]
    if promotion is None or host.declared()["part"] != "member" or me not in electing(votes):
        return
    # Who is known to the votes, or to Patroni by them, has the declaration that counts.
    told = host.parsed(host.patroni(config, config["address"], "/cluster")) or {}
    voting = {member["name"] for member in votes[me]["members"].values() if member["started"]}
    joined = voting | {member["name"] for member in told.get("members", [])}
    settled = {**promotion, "settled": True, "lost": sorted(set(promotion["lost"]) - joined)}
    if settled != promotion:
        host.record(host.PROMOTED, settled)
    if not promotion["settled"]:
        # Patroni goes on with the votes that it began with, which was this host's alone.
        host.systemctl("restart", "--no-block", "patroni.service")


def note_complete(config, seen, when, before):
    """Records until when a far copy is complete; returns what the next look compares with: a time and the primary's position."""
    if config["part"] != "replica":
        return None
    until = complete_until(before, seen, config["name"])
    if until is not None:
        host.record(host.COMPLETE, {"until": until})
    elif before is not None:
        return before
    first = primary(seen["servers"])
    position = seen["servers"][first]["position"] if first else None
    return None if position is None else (when, position)


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
