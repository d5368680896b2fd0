"""What all hosts of the cluster say of themselves, asked at once: see decide.py for its form."""

import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import host


def vote(config, address):
    """A vote: `leader`, `id` and the `members` that it knows by peer address; or `waiting` as long as it does not vote."""
    status = host.etcd(config, address, "/maintenance/status")
    if status is None:
        return beginning(config, address)
    if "waiting" in status:
        return {"waiting": True}
    if "header" not in status:
        return None
    listed = (host.etcd(config, address, "/cluster/member/list", {"linearizable": False}) or {}).get("members", [])
    members = members_by_address(listed, "ID")
    return {"waiting": False, "id": status["header"]["member_id"], "leader": status.get("leader", "0"), "members": members}


def settled_version(config, address):
    """Whether etcd at an address knows the version of its cluster: a new one says 3.0.0, or none, until all votes are there."""
    told = host.parsed(host.http(f"http://{address}:{config['ports']['vote']}/version")) or {}
    return told.get("etcdcluster", "not_decided") not in ("not_decided", "3.0.0")


def beginning(config, address):
    """A vote that has found no majority since it started: it answers on the port of the votes alone."""
    if config["name"] not in config["votes"]:
        return None
    status, text = host.http(f"http://{address}:{config['ports']['peer']}/members")
    if status != 200:
        return None
    return {"waiting": False, "id": None, "leader": "0", "members": members_by_address(json.loads(text), "id")}


def members_by_address(listed, key):
    return {
        url: {"id": str(member[key]), "name": member.get("name", ""), "started": bool(member.get("clientURLs"))}
        for member in listed for url in member.get("peerURLs", [])
    }


def position(text):
    """A position in the log, as Patroni gives it: a number, or None."""
    return text if isinstance(text, int) else None


def server(config, address):
    """A server as its Patroni describes it, or None while that does not answer."""
    told = host.parsed(host.http(f"http://{address}:{config['ports']['state']}/patroni"))
    if told is None or "state" not in told:
        return None
    log = told.get("xlog", {})
    received, replayed = position(log.get("received_location")), position(log.get("replayed_location"))
    return {
        "state": told["state"],
        "role": "primary" if told.get("role") in ("primary", "master") else "replica",
        "streaming": told.get("replication_state") == "streaming",
        "sync": bool(told.get("sync_standby")),
        "locked": not told.get("cluster_unlocked", False),
        "timeline": told.get("timeline"),
        "position": position(log.get("location")) or max(received or 0, replayed or 0) or None,
        "replayed_at": log.get("replayed_timestamp"),
        "pending": {
            name: [change["old_value"], change["new_value"]]
            for name, change in (told.get("pending_restart_reason") or {}).items()
        },
        "version": told.get("server_version"),
        "patroni": told.get("patroni", {}).get("version"),
    }


def with_undeclared(config, seen):
    """The same with the votes that the one here counts and its declaration does not name: another one may be on its way."""
    own = seen["votes"].get(config["name"])
    known = own["members"] if own and not own["waiting"] else {}
    addresses = {member["name"]: urlsplit(url).hostname for url, member in known.items() if member["name"] not in ("", *seen["votes"])}
    with ThreadPoolExecutor(max_workers=len(addresses) or 1) as pool:
        asked = {name: pool.submit(vote, config, address) for name, address in addresses.items()}
    return {**seen, "votes": {**seen["votes"], **{name: answer.result() for name, answer in asked.items()}}}


def given_up_by(config):
    """By far copy: whom it was promoted without, [] when it never was; None for those that do not answer."""
    url = lambda address: f"http://{address}:{config['ports']['writer']}/state"
    others = {name: address for name, address in config["replicas"].items() if name != config["name"]}
    with ThreadPoolExecutor(max_workers=len(others) or 1) as pool:
        asked = {name: pool.submit(host.http, url(address)) for name, address in others.items()}
    told = {name: host.parsed(answer.result()) for name, answer in asked.items()}
    return {name: None if answer is None else answer.get("lost", []) for name, answer in told.items()}


def survey(config, names=None):
    """The votes and servers of the cluster, all or those named, by name; None for those that do not answer."""
    servers = {} if config["part"] == "witness" else {**config["members"], **config["replicas"]}
    wanted = lambda hosts: {name: address for name, address in hosts.items() if names is None or name in names}
    servers, votes = wanted(servers), wanted(config["votes"])
    with ThreadPoolExecutor(max_workers=len(servers) + len(votes) or 1) as pool:
        asked_votes = {name: pool.submit(vote, config, address) for name, address in votes.items()}
        asked_servers = {name: pool.submit(server, config, address) for name, address in servers.items()}
    return {
        "votes": {name: answer.result() for name, answer in asked_votes.items()},
        "servers": {name: answer.result() for name, answer in asked_servers.items()},
    }
