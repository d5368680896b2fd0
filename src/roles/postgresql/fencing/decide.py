"""Decides whether the member that holds the right to write has to be switched off. Pure: what is seen comes in, a decision goes out.

A member's right to write is the leader key in etcd. When its machine dies the key stays for its time to live, 20 s, since nobody
can tell a dead machine from one that is only cut off and goes on writing. Switching it off for sure makes that certain; then
the key may be given up at once, and the member that confirms each write takes over.

What is seen:
    leader    who holds the leader key, as a majority of etcd says; None when nobody does, or when no majority answers
    standbys  members that confirm each write
    paused    whether an operator has told the cluster to leave everything as it is
    silence   seconds since each member last answered this host, of those that have since this host began to listen: who
              has never been heard may just be booting, as all do after a power cut
    opinions  for each other vote that answers: its `silence`
"""

from typing import NamedTuple

# Seconds. Patroni on a member answers at once; a restart of it takes one to two seconds.
SILENCE_LIMIT = 3.0


class Decision(NamedTuple):
    fence: bool
    why: str


def decide(me, votes, seen):
    """`me`: this host; `votes`: names of all votes of the cluster; `seen`: as above. Returns a Decision."""
    leader = seen["leader"]
    if leader is None:
        return Decision(False, "nobody holds the right to write, or etcd has no majority")
    if leader == me:
        return Decision(False, "this member takes the writes")
    if leader not in seen["silence"]:
        return Decision(False, f"{leader} takes the writes, and has not been heard yet")
    silent = seen["silence"][leader]
    if silent < SILENCE_LIMIT:
        return Decision(False, f"{leader} takes the writes and answers")
    if seen["paused"]:
        return Decision(False, f"{leader} has not answered for {silent:.1f} s, but the cluster is paused by an operator")
    if me not in seen["standbys"]:
        return Decision(False, f"{leader} has not answered for {silent:.1f} s; this host has no say, as it does not confirm the writes")
    agree = sorted(name for name, silence in seen["opinions"].items() if silence.get(leader, 0.0) >= SILENCE_LIMIT)
    if 2 * (1 + len(agree)) <= len(votes):
        others = ", ".join(sorted(set(votes) - {me, leader}))
        return Decision(False, f"{leader} has not answered for {silent:.1f} s, but {others} do not say the same")
    return Decision(True, f"{leader} has not answered {me} and {', '.join(agree)} for {silent:.1f} s")
