"""What is done to the server of this host: its configuration taken up, a restart without a loss, a switchover."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import decide
import host
import versions
import votes
from state import server, settled_version, survey, vote

# Patroni takes up its configuration in a second or two; it may be busy with a copy that begins.
TAKEN_LIMIT = 60.0
# Proxies ask every 0.5 s and believe the second no (database-proxy.ts); nobody tells us when they have.
PROXIES_FOLLOW = 1.5
# A switchover takes about two seconds; Patroni itself waits for a former primary to stop (timings.ts: 8 s).
SWITCHOVER_LIMIT = 60.0
# A restart replays what a crash would have to, at most.
RESTART_LIMIT = 300.0
READY_LIMIT = 240.0
# A vote joins the others within a few seconds; without a majority of them it never serves.
VOTE_LIMIT = 15.0

# What is declared for the whole cluster and has been brought into etcd by this host.
SETTLED = host.STATE / "settled.json"

WATCHDOG = pathlib.Path("/dev/watchdog")


def address_of(config, name):
    return {**config["members"], **config["replicas"]}[name]


def prepare_data(config):
    """Before Patroni starts: room for the data, and no cluster beside it that Debian's package made when it came."""
    for version in versions.installed():
        # Whoever has started it once may have data there: that is not ours to drop.
        if pathlib.Path(f"/etc/postgresql/{version}/main").exists() and not (versions.data(version) / "postmaster.opts").exists():
            done = subprocess.run(["pg_dropcluster", str(version), "main"], capture_output=True, text=True)
            print(f"dropped the cluster main that was never started {done.stderr.strip()}".strip(), flush=True)
    folder = versions.data(versions.prepare(config)).parent
    folder.mkdir(exist_ok=True)
    shutil.chown(folder, "postgres", "postgres")
    if WATCHDOG.exists():
        # Where a machine has one, it restarts a primary that hangs and does not give up its right to write. Containers
        # and the twin's machines have none.
        shutil.chown(WATCHDOG, "postgres")
    await_vote(config)


def await_vote(config):
    """
    Waits for this host's vote, or one of the others where it has none. Patroni stays with the first vote that answers it, and
    one that is lost together with the primary would be missed late. It also stays with what it took etcd's version for
    (watch.py), which is not settled before all votes of a new cluster are there. A copy waits for no vote that does not vote: after
    a power cut they wait for its word that it was not promoted, and it gives that once Patroni has begun.
    """
    name = config["name"] if config["name"] in config["votes"] else min(config["votes"])
    address = config["votes"][name]

    def enough():
        told = vote(config, address)
        if told is None or told["waiting"]:
            return name != config["name"]
        return told["leader"] != "0" and settled_version(config, address)

    if not host.polled(enough, VOTE_LIMIT):
        print(f"the vote of {name} does not serve after {VOTE_LIMIT:.0f} s: Patroni begins without it", flush=True)


def wait_for(condition, limit, complaint):
    """What `condition` gives as soon as that is true; exits with a complaint at the limit, in seconds."""
    return host.polled(condition, limit) or sys.exit(f"{complaint} within {limit:.0f} s; see: journalctl -u patroni")


def reload(config):
    """ExecReload of patroni.service: everything that is declared now holds when this returns."""
    try:
        os.kill(int(os.environ["MAINPID"]), signal.SIGHUP)
    except ProcessLookupError:
        print("Patroni has just ended: it will have the new configuration when systemd starts it again")
        return
    mine = server(config, address_of(config, config["name"]))
    if mine is None or mine["state"] != "running":
        print("PostgreSQL is not running: it will have the new configuration when Patroni starts it")
        return
    # Patroni may just be turning from votes that are no more to those that are.
    read = lambda: host.parsed(host.patroni(config, address_of(config, config["name"]), "/config"))
    wait_for(read, TAKEN_LIMIT, "the cluster's configuration can't be read: etcd does not answer Patroni")
    no = settle_dynamic(config)
    if no:
        sys.exit(no)
    wait_for(lambda: taken(config), TAKEN_LIMIT, "Patroni has not taken up its configuration")
    votes.settle(config)
    restart_if_needed(config)


def settled(config):
    """Whether this host has brought what it declares for the whole cluster into etcd: once, for others may declare more by now."""
    return host.recorded(SETTLED) == config["dynamic"]


def settle_dynamic(config):
    """Brings what is declared for the whole cluster into etcd; what else stands there stays. Why that can't be done, or None."""
    own = address_of(config, config["name"])
    present = host.parsed(host.patroni(config, own, "/config"))
    if present is None:
        return "the cluster's configuration can't be read: etcd does not answer Patroni"
    if not covers(present, config["dynamic"]):
        code, text = host.patroni(config, own, "/config", config["dynamic"], method="PATCH", limit=10)
        if code != 200:
            return f"the cluster's configuration can't be changed: {text}"
        print("changed the configuration of the whole cluster", flush=True)
    host.record(SETTLED, config["dynamic"])
    return None


def covers(present, wanted):
    """Whether all of `wanted` holds in `present`."""
    if isinstance(wanted, dict):
        return isinstance(present, dict) and all(covers(present.get(key), value) for key, value in wanted.items())
    return present == wanted


def taken(config):
    """Whether the server here has been given the configuration that is declared."""
    marks = host.sql_here("SELECT current_setting('farm.member', true), current_setting('farm.cluster', true)")
    return marks == f"{config['mark']}|{config['dynamic']['postgresql']['parameters']['farm.cluster']}"


def installed_version(config):
    told = subprocess.run([versions.binaries(versions.running(config)) / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return re.sub(r"^postgres \(PostgreSQL\) ", "", told.strip())


def restart_if_needed(config):
    """Restarts PostgreSQL here if settings or a version wait for that, so that the cluster goes on."""
    me, seen = config["name"], survey(config)
    how = decide.restart(seen["servers"][me], host.sql_here("SHOW server_version") != installed_version(config))
    if how == "none":
        return
    no = decide.objection(me, config["part"], config["members"], seen)
    if no:
        sys.exit(f"not restarting PostgreSQL: {no}")
    if how == "handover" and decide.primary(seen["servers"]) == me:
        switchover(config, None)
    # Patroni does one thing at a time: a former primary may still be finishing its handover.
    code, text = wait_for(lambda: asked_to_restart(config, me), READY_LIMIT, "Patroni is busy: it was not done with something else")
    if code != 200:
        sys.exit(f"PostgreSQL did not restart: {text}")
    print("restarted PostgreSQL")
    wait_for(lambda: decide.unready(me, config["part"], survey(config, [me])) is None, READY_LIMIT, "PostgreSQL does not serve again")


def asked_to_restart(config, me):
    """Patroni's answer to being asked to restart PostgreSQL, or None while it is busy with something else."""
    answer = host.patroni(config, address_of(config, me), "/restart", {}, limit=RESTART_LIMIT)
    return None if "already in progress" in answer[1] else answer


def switchover(config, to):
    """Lets the member `to`, or the one that has every write, take the writes; returns when the former primary follows."""
    seen = survey(config)
    former = decide.primary(seen["servers"])
    if former is None:
        sys.exit("nobody takes the writes: there is nothing to hand over")
    new = to or decide.heir(seen["servers"], config["members"], former)
    if new is None or new != decide.heir(seen["servers"], config["members"], former):
        sys.exit(f"{new or 'no other member'} does not have every write: handing over would lose some")
    if former != config["name"]:
        sys.exit(f"{former} takes the writes, and only there the proxies can be told beforehand: run this on {former}")
    host.LEAVING.touch()
    try:
        time.sleep(PROXIES_FOLLOW)
        began = time.monotonic()
        code, text = host.patroni(
            config, address_of(config, former), "/switchover", {"leader": former, "candidate": new}, limit=SWITCHOVER_LIMIT
        )
    finally:
        host.LEAVING.unlink(missing_ok=True)
    if code != 200:
        sys.exit(f"{former} did not hand over to {new}: {text}")
    print(f"{former} handed over to {new} in {time.monotonic() - began:.1f} s")
    back = lambda: (server(config, address_of(config, former)) or {}).get("streaming")
    wait_for(back, READY_LIMIT, f"{former} does not follow {new}")
