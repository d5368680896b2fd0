"""The state of a cluster for people, and as JSON."""

import json

import decide
import versions

MB = 1 << 20


def show(config, seen, as_json):
    """Prints what `survey` found."""
    servers = seen["servers"]
    first = decide.primary(servers)
    told = {
        "cluster": config["cluster"],
        "primary": first,
        "sync": decide.heir(servers, config["members"], first) if first else None,
        "majority": len(decide.electing(seen["votes"])) >= decide.majority(len(seen["votes"])),
        **seen,
    }
    if as_json:
        print(json.dumps(told, indent=2))
        return
    votes = f"{len(decide.electing(seen['votes']))} of {len(seen['votes'])} votes"
    # A witness asks no server.
    writes = f"{first or 'nobody'} takes the writes, {told['sync'] or 'nobody'} confirms them; " if servers else ""
    print(f"{config['cluster']}: {writes}{votes}")
    known = versions.read(config)
    # A witness does not know what is declared of servers.
    if known and known["version"] < config.get("version", 0):
        print(f"the data is of PostgreSQL {known['version']}, {config['version']} is declared; on the primary: farm-postgresql upgrade {config['version']}")
    for name in sorted({*servers, *seen["votes"]}):
        print("  ".join([f"{name:10}", *filter(None, [server_line(servers, name, first), vote_line(seen["votes"], name)])]))


def server_line(servers, name, first):
    if name not in servers:
        return None
    server = servers[name]
    if server is None:
        return "server: no answer"
    end = servers[first]["position"] if first else None
    late = "" if end is None or server["position"] is None or name == first else f", {max(0, end - server['position']) / MB:.1f} MB late"
    how = server["role"] if server["role"] == "primary" else "copy, " + ("confirms" if server["sync"] else "receives" if server["streaming"] else "receives nothing")
    return f"server: {server['state']}, {how}{late}, timeline {server['timeline']}{', waits for a restart' if server['pending'] else ''}"


def vote_line(votes, name):
    if name not in votes:
        return None
    vote = votes[name]
    if vote is None:
        return "vote: no answer"
    if vote["waiting"]:
        return "vote: waits for the others"
    return "vote: leads" if vote["leader"] == vote["id"] else "vote: follows" if vote["leader"] != "0" else "vote: no leader"
