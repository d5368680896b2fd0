"""What a Galera member does next, and which member takes the writes: pure functions of what the members say.

A member's own account of itself (the answer to GET /state) is a dict:

    server    running, starting, stopping or stopped: the process
    serving   True while it is Primary, ready and Synced, or the donor of a joiner
    uuid      of the cluster that it is in, while it is Primary
    wsrep     what the server says of itself in the cluster: a dict with `state` among others; None while it is mute
    view      members of that cluster as it sees them, dead ones until they are dropped
    history   uuid in grastate.dat: of the cluster that it was last in; None without one
    position  [uuid, seqno] recovered from InnoDB while stopped; uuid None: never was in a cluster
    fault     why no position could be recovered
    accepted  members whose loss an operator has accepted on it
    lost      members that the cluster went on without on such a word, until they have joined anew
    writer    the member that it holds for the one that takes the writes
    term      how often the writer had been chosen when that one was
    members   those that are declared to it: while a declaration is brought to one after the other, they differ

    retired   an administrator has said that it goes for good, and it left with all that it had

`states` maps every declared member but those that have retired to such a dict, or to None while it does not answer. Texts carry no
changing figures, so that a change of the text is worth a line in the journal.
"""

from collections import namedtuple

Decision = namedtuple("Decision", "action why")

# How long a member without a Primary anywhere stays up before all stop and compare positions. A cluster that was
# only frozen or partitioned has re-formed by itself long before (evs.install_timeout is 5 s).
HEADLESS_LIMIT = 15.0
# The same while a server does not answer at all: it may only be busy.
MUTE_LIMIT = 60.0
# How long a member may stay outside a Primary that it can reach before it is restarted.
APART_LIMIT = 60.0
CHOOSE = "Decide which is the right one, and empty /var/lib/mysql on the others (after a copy)."
# Members join one after another, so that one donor does not serve two; but whoever is ahead gets only so long:
# one that is stopped and does not start, one that joins (a state transfer of a whole disk).
TURN_STOPPED_LIMIT = 15.0
TURN_JOINING_LIMIT = 600.0


def listing(names):
    return ", ".join(names)


def serving(states):
    """Names of the members that take queries, in order of name."""
    return sorted(name for name, state in states.items() if state and state["serving"])


def conditions(me, states):
    """What has to be timed: for how long each of these has been true is the `clocks` of `decide`."""
    mine = states[me]
    primary = bool(serving(states))
    return {
        # From when the server here runs: one that has just been started, to found the cluster or to form it again, is not yet
        # part of it, however long there was none before.
        "headless": not primary and mine["server"] == "running",
        "apart": primary and mine["server"] == "running" and not mine["serving"] and not _joining(mine),
        "turn": primary and mine["server"] == "stopped",
    }


def _joining(state):
    """Whether the server receives, or catches up with, what it missed: that takes as long as it takes."""
    return state["wsrep"] is not None and state["wsrep"]["state"].startswith("Join")


def decide(me, states, clocks):
    """The next step of member `me`: rest, wait, start (join), recover (find the position), bootstrap or stop."""
    mine = states[me]
    if mine["server"] in ("starting", "stopping"):
        return Decision("wait", f"mariadb is {mine['server']}")
    if mine.get("retired"):
        return Decision("stop" if mine["server"] == "running" else "wait", "this member has retired; to take it back: farm-galera return")
    if mine["server"] == "running":
        return _running(me, states, clocks)
    if serving(states):
        return _join(me, states, clocks)
    return _compare(me, states)


def _running(me, states, clocks):
    primaries = serving(states)
    if me in primaries:
        return Decision("rest", "serving")
    if primaries:
        if clocks["apart"] < APART_LIMIT:
            return Decision("wait", f"mariadb runs but is not in the cluster of {listing(primaries)} yet")
        return Decision("stop", f"mariadb stayed outside the cluster of {listing(primaries)}: restarting it")
    unknown = unaccounted(states)
    if unknown:
        return Decision("wait", f"no member is Primary. {_plea(unknown)}")
    moving = [name for name, state in states.items() if state and state["server"] in ("starting", "stopping")]
    mute = [name for name, state in states.items() if state and state["server"] == "running" and not state["wsrep"]]
    if moving or clocks["headless"] < (MUTE_LIMIT if mute else HEADLESS_LIMIT):
        return Decision("wait", "no member is Primary: giving the cluster time to re-form by itself")
    return Decision("stop", "no member is Primary: stopping mariadb to compare positions")


def _join(me, states, clocks):
    primaries = serving(states)
    mine, cluster = states[me], states[primaries[0]]["uuid"]
    if mine["history"] and any(me in states[name]["lost"] for name in primaries):
        # Same cluster, same numbers, other commits: Galera would not notice and send only what follows.
        return Decision(
            "wait",
            f"{listing(primaries)} went on without us on an operator's word, so commits here may be ones that they lack."
            " Keep a copy if they matter; to give them up and join: rm /var/lib/mysql/grastate.dat",
        )
    if mine["history"] and mine["history"] != cluster:
        return Decision(
            "wait",
            f"the data here is of another cluster ({mine['history']}) than that of {listing(primaries)} ({cluster})"
            " and would be overwritten. To give it up: rm /var/lib/mysql/grastate.dat",
        )
    if any(me in states[name]["view"] for name in primaries):
        # Measured: one that comes back sooner (1 s after kill -9) made the others lose their Primary for 4 s.
        return Decision("wait", f"{listing(primaries)} must drop our last run first")
    for name in sorted(states):
        other = states[name]
        if name == me or not other or other["serving"]:
            continue
        joining = other["server"] in ("starting", "running")
        if joining and clocks["turn"] < TURN_JOINING_LIMIT:
            return Decision("wait", f"{name} is joining, then it is our turn")
        if other["server"] == "stopped" and name < me and clocks["turn"] < TURN_STOPPED_LIMIT:
            return Decision("wait", f"{name} joins first")
    return Decision("start", f"joining the cluster of {listing(primaries)}")


def _compare(me, states):
    """Nobody is Primary and we are stopped: the highest position of all decides who bootstraps."""
    up = sorted(name for name, state in states.items() if state and state["server"] != "stopped")
    if up:
        return Decision("wait", f"no member is Primary; mariadb has not stopped on {listing(up)}")
    mine = states[me]
    if mine["position"] is None and not mine["fault"]:
        return Decision("recover", "no member is Primary: finding our position")
    unknown = unaccounted(states)
    if unknown:
        return Decision("wait", f"no member is Primary. {_plea(unknown)} {_positions(states)}")
    known = {name: state["position"] for name, state in states.items() if state and state["position"]}
    pending = [name for name, state in states.items() if state and name not in known and not state["fault"]]
    if pending:
        return Decision("wait", f"finding its position: {listing(sorted(pending))}")
    lost = {name for state in states.values() if state for name in state["lost"]}
    data = {name: position for name, position in known.items() if position[0] and name not in lost}
    if not data:
        if lost or len(known) < len(states):
            return Decision("wait", "a cluster is only founded when all its members are there")
        first = min(known)
        return Decision("bootstrap" if first == me else "wait", f"no member has data: {first} founds the cluster")
    uuids = sorted({uuid for uuid, _ in data.values()})
    if len(uuids) > 1:
        return Decision("wait", f"members hold data of different clusters. {_positions(states)}. {CHOOSE}")
    first = min(data, key=lambda name: (-data[name][1], name))
    return Decision("bootstrap" if first == me else "wait", f"{first} bootstraps. {_positions(states)}")


def founding(states, later):
    """
    Whom the cluster waits for, where no member has been part of it yet and only some of those named are missing: `later`, which
    are changed after this one. Else nobody.
    """
    absent = [name for name, state in states.items() if state is None]
    founded = any(state["serving"] or state["history"] for state in states.values() if state)
    return [] if founded or not set(absent) <= set(later) else sorted(absent)


def unaccounted(states):
    """Members that may hold commits nobody else knows of, and whose loss nobody has accepted."""
    answering = {name: state for name, state in states.items() if state}
    accepted = {name for state in answering.values() for name in state["accepted"]}

    def known(name):
        verdicts = {name in other["lost"] for holder, other in answering.items() if holder != name and other["history"]}
        if len(verdicts) > 1:
            return False  # One of those that say so, or of those that don't, missed what happened since.
        return verdicts == {True} or (name in answering and not answering[name]["fault"])

    return sorted(name for name in states if not known(name) and name not in accepted)


def lost(me, states):
    """What `me` is to remember as lost. It serves: what those that serve know and were told. Else what they know."""
    able = serving(states)
    if not able:
        return sorted(states[me]["lost"])
    found = {name for holder in able for name in states[holder]["lost"]}
    if me in able:
        found |= {name for state in states.values() if state for name in state["accepted"]}
    return sorted(found - set(able))


def _plea(unknown):
    return (
        f"Unknown what they have committed: {listing(unknown)}. Bring them back; or, if they are fenced and their last"
        f" commits may be lost, say so on any member: farm-galera accept-loss {' '.join(unknown)}."
    )


def _positions(states):
    known = {name: state["position"] for name, state in states.items() if state and state["position"]}
    texts = [f"{name} {uuid}:{seqno}" if uuid else f"{name} no data" for name, (uuid, seqno) in sorted(known.items())]
    return f"Positions: {listing(texts)}"


def writer(states):
    """The term and the name of the one member that takes the writes; no name while none can.

    It stays the one until it stops serving, is about to leave or its disk is full (it then refuses writes, and the
    others could take them), whoever comes back: every change drops sessions and, for as long as old sessions live on
    the former one, makes two writers.

    Who has to choose anew does so in a new term, and the latest term holds for all; of two choices in one term, the
    first by name. So each can only give in one way, and they come to agree however old what they know of each other is.
    Counting votes does not do: three that each followed the two others of half a second ago went round for ever.
    """
    answers = [state for state in states.values() if state]
    highest = max(state["term"] for state in answers)
    fit = [name for name in serving(states) if states[name].get("room", True) and not states[name].get("leaving")]
    able = fit or serving(states)
    if not able:
        return highest, None
    latest = max((state["term"] for state in answers if state["writer"]), default=None)
    chosen = sorted(state["writer"] for state in answers if state["term"] == latest and state["writer"] in able)
    return (latest, chosen[0]) if chosen else (highest + 1, able[0])


def agreed(me, states):
    """Whether all that are in the cluster with `me` know that it takes the writes, as far as they answer.

    When a cluster forms anew each member serves before it hears that the others do too, and chooses itself.
    """
    others = [states.get(name) for name in states[me]["view"] if name != me]
    return all(state is None or state["writer"] == me for state in others)


def objection(me, states, met):
    """Why the cluster can't do without `me` for a while, or None. `met`: members that the server here was started with.

    The others have to be a majority of those that count. One that was declared since the server here was started may not have
    joined yet, one that no other declares any more is on its way out, and one that has retired is gone: none is waited for.
    """
    others = {name: state for name, state in states.items() if name != me and not (state and state.get("retired"))}
    mine = states[me]
    changing = [name for name, state in others.items() if state and state.get("changing")]
    if changing:
        return f"{listing(changing)} is being changed"
    # One that does not serve is not missed, and its change may be its cure.
    if mine is None or not mine["serving"] or not others:
        return None
    declared = [state.get("members", states) for state in others.values() if state and state["serving"]]
    counted = [name for name in met if name == me or name in others and (not declared or any(name in names for names in declared))]
    able = [name for name in counted if name != me and others.get(name) and others[name]["serving"]]
    if 2 * len(able) <= len(counted):
        return f"only {listing(able) or 'no other member'} would go on serving, which is no majority"
    return None
