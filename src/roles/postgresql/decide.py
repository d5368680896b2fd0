"""What a host of a PostgreSQL cluster may and should do: pure functions of what all its hosts say of themselves.

`seen` (state.py) has two parts, each by the name of the host, None for one that does not answer:

    votes     waiting  it has no data and waits for the others
              id, leader, members   its number, the leader's ("0": none), and by peer address the votes that it knows:
                       id, name, started
    servers   state    Patroni's word: running, starting, creating replica, stopped…
              role     primary or replica
              streaming   it receives from another
              sync     it confirms each write
              locked   there is a primary that has the right to write
              timeline, position   in the log
              pending  settings that wait for a restart: [present, declared] by name
"""

from collections import namedtuple

# Bytes of a piece of the log: initdb's own.
SEGMENT = 16 << 20

Step = namedtuple("Step", "action why initial", defaults=(None,))


def listing(names):
    return ", ".join(sorted(names))


# Votes

def majority(count):
    return count // 2 + 1


def electing(votes):
    """Names of the votes that know a leader."""
    return sorted(name for name, vote in votes.items() if vote and not vote["waiting"] and vote["leader"] != "0")


def lacking_votes(votes, me):
    """Why the votes would not be a majority without `me`, or None."""
    left = [name for name in electing(votes) if name != me]
    # What etcd counts: while the votes become more or fewer, declarations differ from host to host.
    count = len(votes[me]["members"]) if me in electing(votes) else 0
    if len(left) >= majority(count) or not count:
        return None
    return f"only {listing(left) or 'no other vote'} of {count} votes would be left, which is no majority"


def join(me, peers, votes, has_data, ready, welcome):
    """
    How a vote begins. `peers`: peer address of each declared vote by name; `ready`: those that have been seen to wait for
    the others, without data, since this one waits; `welcome`: peer addresses that those who vote count on, None if they
    never said. Actions: wait, start (with the data it has), new (form the cluster
    as declared), existing (it was added already), add, replace (its former data is gone) and renew (its data is of a
    cluster that has gone on without it).
    """
    own = peers[me]
    elected = electing(votes)
    knowing = {name: votes[name]["members"] for name in elected} or {
        name: vote["members"] for name, vote in votes.items() if vote and not vote["waiting"]
    }
    listed = next((members for members in knowing.values() if members), None)
    mine = listed.get(own) if listed else None
    if elected and listed and welcome is not None and own not in welcome and not (mine and mine["started"] and has_data):
        return Step("wait", f"{listing(elected)} vote, and do not count on this one: they know no declaration that has it")
    if has_data:
        if elected and listed and mine is None:
            return Step("renew", f"{listing(elected)} have gone on without this vote: it joins them anew")
        return Step("start", "starting with the data that is here")
    if listed:
        return _join_running(me, peers, mine, listed, elected)
    silent = sorted(set(peers) - set(ready) - {me})
    if not silent:
        return Step("new", "no host has data yet: forming the cluster", peers)
    return Step("wait", f"no data here; waiting for {listing(silent)} to vote, or to have none either")


def _join_running(me, peers, mine, listed, elected):
    own = peers[me]
    names = {member["name"]: url for url, member in listed.items() if member["name"] and url != own}
    if mine and not mine["started"] and mine["name"]:
        return Step("new", "the others form the cluster as declared, and this vote is part of it", peers)
    if not elected:
        return Step("wait", "the other votes are no majority; waiting for more of them")
    if mine and not mine["started"]:
        return Step("existing", "this vote was added already", {**names, me: own})
    if mine:
        return Step("replace", "the data of this vote is gone: it joins anew", mine["id"])
    return Step("add", f"{listing(elected)} vote already: joining them", {**names, me: own})


def founding(me, votes, has_data, later):
    """
    Whom the votes wait for, where none of them has data yet and only some of those named are missing: `later`, which are changed
    after this host. Else nobody. `has_data`: whether the vote here has; it need not run.
    """
    others = {name: vote for name, vote in votes.items() if name != me}
    absent = [name for name, vote in others.items() if vote is None]
    founded = has_data or any(not vote["waiting"] for vote in others.values() if vote)
    return [] if founded or not set(absent) <= set(later) else sorted(absent)


def unrecoverable(me, lost, votes):
    """Why the vote `me` must not go on alone though no majority votes, or None. `lost`: votes that are said to be off for good."""
    strangers = set(lost) - (set(votes) - {me})
    if strangers:
        return f"{listing(strangers)} is no other vote; there is: {listing(set(votes) - {me})}"
    answering = [name for name in lost if votes[name] is not None]
    if answering:
        return f"{listing(answering)} answers: it is not lost"
    unnamed = [name for name, vote in votes.items() if vote is None and name not in (me, *lost)]
    if unnamed:
        return f"{listing(unnamed)} does not answer: name it too, if it is off and stays so until this vote can be reached"
    if len(set(lost)) <= len(votes) - majority(len(votes)):
        return "so few lost votes are no lost majority: start the others"
    return None


def surplus(peers, votes):
    """Votes that are not declared any more, as {peer address: number}, once all that are declared vote."""
    if set(electing(votes)) != set(peers):
        return {}
    members = votes[electing(votes)[0]]["members"]
    return {url: member["id"] for url, member in members.items() if url not in peers.values()}


def better_leader(me, seen, members):
    """Which vote should lead etcd instead of this primary's own, or None. A loss of both at once costs an election more,
    and an election prolongs the right to write that has to run out."""
    server, vote = seen["servers"].get(me), seen["votes"].get(me)
    if not server or server["role"] != "primary" or not vote or vote["waiting"] or vote["leader"] != vote["id"]:
        return None
    others = [name for name in electing(seen["votes"]) if name != me]
    # A vote alone first: it will not be the next primary.
    return min(others, key=lambda name: (name in members, name), default=None)


# Servers

def serving(servers):
    """Names of those that take queries and know the rest: the primary, and copies that receive."""
    return sorted(name for name, s in servers.items() if s and s["state"] == "running" and (s["role"] == "primary" or s["streaming"]))


def primary(servers):
    """The one that takes the writes, or None."""
    return next((name for name in serving(servers) if servers[name]["role"] == "primary" and servers[name]["locked"]), None)


def heir(servers, members, me=None):
    """The member other than `me` that has every acknowledged write, or None."""
    return next((name for name in serving(servers) if name in members and name != me and servers[name]["sync"]), None)


def unready(me, part, seen):
    """Why this host does not do what it is for, or None."""
    if part != "replica" and me not in electing(seen["votes"]):
        vote = seen["votes"][me]
        if vote is None:
            return "etcd does not answer here"
        return "etcd waits for the other hosts" if vote["waiting"] else "etcd has no leader: no majority of the votes is there"
    if part == "witness":
        return None
    server = seen["servers"][me]
    if server is None:
        return "Patroni does not answer here"
    if server["state"] != "running":
        return f"PostgreSQL is not running here: {server['state']}"
    if server["role"] == "primary":
        return None if server["locked"] else "this primary has no right to write"
    return None if server["streaming"] else "this copy receives nothing from a primary"


# A copy refuses to run with less than its primary has.
LIMITS = ("max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions", "max_locks_per_transaction")


def restart(server, stale):
    """
    How a server is to be restarted: "none", "handover" (a primary hands over first) or "in place". `stale`: it runs
    another version than the one that is installed. A limit that becomes lower has to be so on the primary first, so a
    primary for which only that is left does not hand over; copies follow it when they are restarted for something else.
    """
    lowered = [name for name, (present, declared) in server["pending"].items() if name in LIMITS and int(declared) < int(present)]
    if stale or len(lowered) < len(server["pending"]):
        return "handover"
    return "in place" if lowered and server["role"] == "primary" else "none"


def objection(me, part, members, seen):
    """Why the cluster can't do without this host for a while, or None."""
    no = lacking_votes(seen["votes"], me)
    # A server that does not serve is not missed, and a change may be its cure.
    if no or part != "member" or me not in serving(seen["servers"]):
        return no
    servers = seen["servers"]
    away = [name for name in members if name != me and name not in serving(servers)]
    if away:
        return f"{listing(away)} {'does' if len(away) == 1 else 'do'} not serve"
    # Whoever confirms is a member to those that have not heard of a new declaration yet.
    if servers[me]["role"] == "primary" and heir(servers, servers, me) is None:
        return "no other member has every write yet"
    if servers[me]["role"] != "primary" and primary(servers) is None:
        return "no other member takes the writes"
    return None


def hopeless(me, seen, oldest):
    """Why the copy here will not catch up by itself, or None. `oldest`: the first position that the primary still has."""
    server = seen["servers"][me]
    if server is None or server["role"] == "primary" or server["streaming"] or primary(seen["servers"]) is None:
        return None
    # A copy asks for the whole segment that it is in.
    if None in (oldest, server["position"]) or server["position"] - server["position"] % SEGMENT >= oldest:
        return None
    return "the primary has not kept what this copy needs"


# Promotion of a far copy

def promoted_without(me, given_up):
    """Far copies that were promoted when this host was given up. `given_up`: as state.given_up_by has it."""
    return sorted(name for name, lost in given_up.items() if lost and me in lost)


def barred(me, given_up, elected, has_data, vouched):
    """
    Why a vote must not begin, or None. Where nobody votes, a far copy may have been promoted meanwhile, so all of them have to
    say that they were not, or an administrator for them (`vouched`). Votes that know a leader were there all the time.
    """
    promoted = promoted_without(me, given_up)
    if promoted:
        return f"{listing(promoted)} was promoted, and {me} given up: it begins when a declaration has both as members"
    silent = [name for name, lost in given_up.items() if lost is None and name not in vouched]
    if has_data and not elected and silent:
        return (
            f"no majority votes, and {listing(silent)} may have been promoted meanwhile: waiting for the answer; "
            f"if it was not, say so on a majority of the votes: farm-postgresql not-promoted {' '.join(sorted(silent))}"
        )
    return None


def unpromotable(me, parts, lost, seen, given_up):
    """
    Why the far copy here must not be promoted, or None. `parts`: names of members, votes and replicas, as declared; `lost`: who
    an administrator says is lost for good.
    """
    mine, others = seen["servers"][me], [name for name in parts["replicas"] if name != me]
    all_others = {*parts["members"], *parts["votes"], *others}
    answers = lambda name: seen["servers"].get(name) is not None or seen["votes"].get(name) is not None
    strangers = set(lost) - all_others
    if strangers:
        return f"{listing(strangers)} has no part in this cluster, or is this host; lost can be: {listing(all_others)}"
    first = [name for name in others if given_up.get(name)]
    if first:
        return f"{listing(first)} was promoted already: one at a time takes the writes"
    alive = [name for name in all_others if answers(name) and (name not in others or name in lost)]
    if alive:
        return f"{listing(alive)} still there: nothing is promoted beside that; if the votes have no majority: farm-postgresql recover-etcd"
    unnamed = [name for name in all_others - set(lost) if not answers(name)]
    if unnamed:
        return f"{listing(unnamed)} does not answer: name it as lost too, if it is off and stays so"
    if mine is None or mine["state"] != "running" or mine["role"] != "replica" or mine["position"] is None:
        return f"no copy is running here: {mine['state'] if mine else 'Patroni does not answer'}"
    ahead = [name for name in others if name not in lost and (seen["servers"][name]["position"] or 0) > mine["position"]]
    return f"{listing(ahead)} has more than this copy: promote it there" if ahead else None


def complete_until(before, seen, me):
    """
    Until when a copy has everything, or None where nothing new is known. `before`: when a survey was made, and the primary's
    position then; who has come so far since has all that was written before it.
    """
    mine = seen["servers"][me]
    if before is None or mine is None or mine["role"] != "replica" or mine["position"] is None:
        return None
    when, position = before
    return when if mine["position"] >= position else None


def too_dear(price, accepted):
    """Whether so many seconds of writes are more than what was accepted; None accepts nothing."""
    return accepted is None or price > accepted
