"""Whether the farm's agent is at work on this host: daemons leave alone then what it is about to change."""

import fcntl

LOCK = "/run/farm-agent.lock"
# The agent's commands that change what runs.
CHANGING = ("activate", "apply", "confirm", "go-back", "rollback")


def in_change():
    """Whether the agent is activating something on this host: it holds its lock, and wrote into it what it does."""
    try:
        with open(LOCK, encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return False
            except BlockingIOError:
                return any(f", {verb}," in lock.read() for verb in CHANGING)
    except FileNotFoundError:
        return False
