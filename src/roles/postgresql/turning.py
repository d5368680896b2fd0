"""
The steps of another major version, and of the way back, that all hosts of the cluster have to see.

Before `turn`, nothing of the former data was touched but that its server was stopped, and whatever was begun can be dropped (`undo`);
after it, each host comes to the new version by itself (watch.py).
"""

import contextlib
import fcntl
import json
import pathlib
import sys
import time

import decide
import host
import versions
from operate import PROXIES_FOLLOW, READY_LIMIT, address_of, wait_for
from state import survey
from versions import as_postgres, binaries, data

LOCK = pathlib.Path("/run/farm-postgresql/upgrade.lock")
# In it everything runs that a kill of this program must not leave behind.
UNIT = "farm-postgresql-upgrade.service"
# Patroni looks at etcd each 5 s (timings.ts), sooner when it is told.
PAUSE_LIMIT = 30.0
# Seconds. A primary that stops sends its copies what they lack.
STOP_LIMIT = 120


def say(text):
    print(text, flush=True)


@contextlib.contextmanager
def alone():
    """Nobody else does any of this on this host meanwhile."""
    LOCK.parent.mkdir(exist_ok=True)
    with open(LOCK, "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit("another upgrade, or the way back, is being done on this host")
        yield


def idle():
    """Whether no upgrade runs on this host."""
    try:
        with open(LOCK, "r", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except FileNotFoundError:
        return True
    except OSError:
        return False


def key(config, name):
    return f"/service/{config['cluster']}/{name}"


def paused(config, on):
    """Patroni's settings for the whole cluster, (as they stand, with maintenance mode on or off)."""
    there, text = versions.get(config, key(config, "config"))
    if text is None:
        sys.exit(f"etcd {'knows no settings of Patroni' if there else 'does not answer'}: nothing was changed")
    settings = {name: value for name, value in json.loads(text).items() if name != "pause"}
    return text, json.dumps({**settings, "pause": True} if on else settings, separators=(",", ":"))


def under_way(config):
    text = versions.get(config, versions.UNDER_WAY)[1]
    return json.loads(text) if text else None


def stop_writes(config, was, to):
    """From here on nobody writes, and Patroni lets it be so. Returns when that began."""
    before, after = paused(config, True)
    mark = json.dumps({"host": config["name"], "to": to})
    if not versions.change(config, {versions.UNDER_WAY: None, key(config, "config"): before}, {key(config, "config"): after, versions.UNDER_WAY: mark}):
        sys.exit("etcd refused the change: another upgrade is under way, or somebody has just changed Patroni's settings; nothing was changed")
    own = address_of(config, config["name"])
    knows = lambda: (host.parsed(host.http(f"http://{own}:{config['ports']['state']}/patroni")) or {}).get("pause")
    wait_for(knows, PAUSE_LIMIT, "Patroni does not take up that it is in maintenance mode")
    host.LEAVING.touch()
    time.sleep(PROXIES_FOLLOW)
    began = time.monotonic()
    say("the writes are stopped")
    done = as_postgres([binaries(was) / "pg_ctl", "stop", f"--pgdata={data(was)}", "--mode=fast", f"--timeout={STOP_LIMIT}"])
    if done.returncode:
        sys.exit(f"PostgreSQL {was} did not stop: {done.stderr.strip()}")
    complaint = host.systemctl("stop", "patroni.service")
    if complaint:
        sys.exit(f"Patroni did not stop: {complaint}")
    return began


def turn(config, entry):
    """The one step that decides: from here on `entry` is what the cluster's data is."""
    mark = versions.get(config, versions.UNDER_WAY)[1]
    before, after = paused(config, False)
    put = {
        versions.KEY: json.dumps(entry),
        key(config, "config"): after,
        key(config, "initialize"): entry["system"],
        # None but this host has the data; Patroni takes nobody else then.
        key(config, "sync"): json.dumps({"leader": config["name"], "sync_standby": None}),
    }
    stale = [key(config, name) for name in ("leader", "status", "history", "failsafe", "failover")]
    if mark is None or not versions.change(config, {versions.UNDER_WAY: mark, key(config, "config"): before}, put, [versions.UNDER_WAY, *stale]):
        sys.exit("etcd did not take the change; run this again")


def begin_again(config):
    """Patroni goes on with what the cluster's data is now. Returns when this host takes writes."""
    host.LEAVING.unlink(missing_ok=True)
    complaint = host.systemctl("start", "patroni.service")
    if complaint:
        sys.exit(f"Patroni does not start: {complaint}; see: journalctl -u patroni")
    wait_for(lambda: decide.primary(survey(config)["servers"]) == config["name"], READY_LIMIT, "this host does not take the writes")


def undo(config):
    """An upgrade that did not come to its decision never was: the former data is served again."""
    host.systemctl("stop", UNIT)
    host.LEAVING.unlink(missing_ok=True)
    mark = under_way(config)
    if mark and mark["host"] == config["name"] and not end_mark(config, mark):
        sys.exit("etcd does not take the end of an upgrade; run this again")
    return host.systemctl("start", "patroni.service")


def undo_killed(config):
    """For the watch: ends what was begun here by a program that is not there any more."""
    mark = under_way(config)
    if not mark or mark["host"] != config["name"]:
        return
    # What can't be done now is tried again at the next turn.
    with contextlib.suppress(SystemExit), alone():
        say("an upgrade was interrupted before it was decided: PostgreSQL goes on as before")
        undo(config)


def end_mark(config, mark):
    """Ends maintenance mode and what was under way; whether etcd took that."""
    before, after = paused(config, False)
    return versions.change(config, {versions.UNDER_WAY: json.dumps(mark), key(config, "config"): before}, {key(config, "config"): after}, [versions.UNDER_WAY])
