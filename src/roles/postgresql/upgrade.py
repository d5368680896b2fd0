"""
Another major version, and the way back.

What decides is one change of etcd (`turn`): from it on, the data of the new version is the cluster's, here and on all other
hosts. Before it, nothing of the former data was touched but that its server was stopped, and whatever was begun can be dropped;
after it, each host comes to the new version by itself (watch.py), copies by taking a fresh copy.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
from datetime import datetime, timezone

import decide
import host
import versions
from operate import READY_LIMIT, address_of, wait_for
from state import server, survey
from turning import UNIT, alone, begin_again, end_mark, paused, say, stop_writes, turn, under_way, undo
from versions import as_postgres, binaries, data

# Bytes that are to be free beside the copy of the data: for the new version's own log, and for what changes while it is made.
SPARE = 2 << 30
GB = 1 << 30


# What has to be so beforehand

def objections(config, to, seen):
    """All that speaks against an upgrade now, one line each."""
    me, known = config["name"], versions.read(config)
    if known is None:
        return ["etcd does not say of which version the data is: see farm-postgresql status"]
    if config["version"] != to:
        return [f"version {config['version']} is declared here: declare version {to}, and apply that first"]
    if known["version"] > to:
        return [f"the data is of {known['version']} already; the way back is: farm-postgresql upgrade --back"]
    first = decide.primary(seen["servers"])
    if first != me:
        return [f"{first or 'nobody'} takes the writes: run this {f'on {first}' if first else 'when somebody does'}"]
    if json.loads(paused(config, False)[0]).get("pause"):
        return ["Patroni is in maintenance mode: patronictl resume"]
    data_hosts = {**config["members"], **config["replicas"]}
    silent = [name for name in sorted(data_hosts) if name not in decide.serving(seen["servers"])]
    found = [f"{name} does not serve" for name in silent]
    if not silent and decide.heir(seen["servers"], config["members"], me) is None:
        found.append("no member confirms the writes")
    needs = versions.size(data(known["version"])) + SPARE
    for name, address in sorted(data_hosts.items()):
        told = host.parsed(host.http(f"http://{address}:{config['ports']['writer']}/state"))
        if told is None or "installed" not in told:
            found.append(f"farm-postgresql does not answer on {name}")
        elif to not in told["installed"]:
            found.append(f"PostgreSQL {to} is not installed on {name}: apply the declaration there first")
        elif told["free"] < needs:
            found.append(f"{name} has {told['free'] / GB:.1f} GB free: the new data beside the former needs {needs / GB:.1f} GB")
    return found + lacking_extensions(to)


def databases():
    return (host.sql_here("SELECT datname FROM pg_database WHERE datallowconn") or "").splitlines()


def lacking_extensions(to):
    there = {path.stem for path in pathlib.Path(f"/usr/share/postgresql/{to}/extension").glob("*.control")}
    return [
        f"database {name} has the extension {extension}, which is not installed for PostgreSQL {to}"
        for name in databases()
        for extension in (host.sql_here("SELECT extname FROM pg_extension", name) or "").splitlines()
        if extension not in there
    ]


# The new data

def building(to):
    """Where new data is made. It becomes `data(to)` when it is whole: what lies there is run."""
    return data(to).with_name("upgrade")


def make_empty(config, to):
    """A cluster of the new version with nothing in it."""
    folder = building(to)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    shutil.chown(folder.parent, "postgres", "postgres")
    done = as_postgres([binaries(to) / "initdb", f"--pgdata={folder}", "--username=postgres", *(f"--{option}" for option in config["initdb"])])
    if done.returncode:
        sys.exit(f"initdb of PostgreSQL {to} failed; nothing was changed: {done.stderr.strip()}")


def pg_upgrade(was, to, *options):
    """Runs pg_upgrade, which copies and leaves the former data as it is. Returns what it complains of, or None."""
    command = [
        binaries(to) / "pg_upgrade", "--copy", f"--jobs={os.cpu_count()}", "--username=postgres",
        f"--old-bindir={binaries(was)}", f"--new-bindir={binaries(to)}", f"--old-datadir={data(was)}", f"--new-datadir={building(to)}",
    ]
    unit = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", f"--unit={UNIT}", "--uid=postgres", f"--working-directory={data(to).parent}"]
    done = subprocess.run([*unit, *map(str, command), *options], capture_output=True, text=True)
    return f"{done.stdout}{done.stderr}".strip()[-3000:] if done.returncode else None


def put_in_place(to):
    """The new data where it is run from, for good: etcd will say so."""
    shutil.rmtree(data(to), ignore_errors=True)
    os.rename(building(to), data(to))
    folder = os.open(data(to).parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)


# Commands

def check(config, to):
    """Exits with all that speaks against an upgrade; leaves an empty cluster of the new version where all is well."""
    was = versions.running(config)
    found = objections(config, to, survey(config))
    if found:
        sys.exit("\n".join(["not upgrading, nothing was changed:", *(f"- {line}" for line in found)]))
    make_empty(config, to)
    complaint = pg_upgrade(was, to, "--check")
    if complaint:
        sys.exit(f"not upgrading, nothing was changed: pg_upgrade says\n{complaint}")
    say(f"nothing speaks against it: {versions.size(data(was)) / GB:.2f} GB are to be copied while nobody writes")


def upgrade(config, to, only_check=False):
    """Brings the cluster to the declared version; the former data is kept."""
    with alone():
        undo_killed_by_me(config)
        known = versions.read(config)
        if known and known["version"] == to == config["version"]:
            return say(f"the data is of PostgreSQL {to} already") if only_check else go_on(config)
        check(config, to)
        if only_check:
            return shutil.rmtree(building(to))
        with going_back_if_it_fails(config):
            began = stop_writes(config, known["version"], to)
            complaint = pg_upgrade(known["version"], to)
            if complaint:
                sys.exit(f"pg_upgrade failed:\n{complaint}")
            put_in_place(to)
            former = {"version": known["version"], "system": known["system"], "host": config["name"], "since": datetime.now(timezone.utc).isoformat(timespec="seconds")}
            turn(config, {"version": to, "system": versions.system(to), "former": former})
        begin_again(config)
        say(f"the data is of PostgreSQL {to}; writes were away for {time.monotonic() - began:.1f} s")
        finish(config)


@contextlib.contextmanager
def going_back_if_it_fails(config):
    try:
        yield
    except BaseException:
        # Where it was decided all the same, there is no mark any more, and that is what is served.
        say("it was interrupted: PostgreSQL goes on with what etcd says")
        undo(config)
        raise


def undo_killed_by_me(config):
    mark = under_way(config)
    if mark and mark["host"] != config["name"]:
        sys.exit(f"an upgrade is under way on {mark['host']}: run this there. If that host is off for good: farm-postgresql upgrade --lost {mark['host']}")
    if mark:
        say("an upgrade was interrupted: PostgreSQL goes on as before first")
        undo(config)
        wait_for(lambda: decide.primary(survey(config)["servers"]), READY_LIMIT, "nobody takes the writes")


def go_on(config):
    """After the decision, wherever the program was interrupted then."""
    first = decide.primary(survey(config)["servers"])
    if first not in (None, config["name"]):
        sys.exit(f"the data is of PostgreSQL {config['version']} already; for what has yet to be done, run this on {first}")
    begin_again(config)
    finish(config)


def finish(config):
    """What the new version has yet to be given; can be done as often as one likes."""
    version = versions.running(config)
    for name in databases():
        names = (host.sql_here("SELECT quote_ident(extname) FROM pg_extension", name) or "").splitlines()
        for extension in names:
            if host.sql_here(f"ALTER EXTENSION {extension} UPDATE", name) is None:
                say(f"database {name}: the extension {extension} stays at its former version; ALTER EXTENSION {extension} UPDATE says why")
    say("statistics are being made; until they are there queries may be slow")
    done = as_postgres([binaries(version) / "vacuumdb", "--host=/run/postgresql", "--all", "--analyze-in-stages", "--quiet"])
    if done.returncode:
        sys.exit(f"statistics were not made; run this again: {done.stderr.strip()}")
    say("the other hosts take fresh copies by themselves: farm-postgresql status tells when they confirm and receive")
    say("the way back: farm-postgresql upgrade --back; when it is not needed any more, on each host with data: farm-postgresql remove-former")


def back(config, sure):
    """Back to the data before the upgrade, as it was then."""
    with alone():
        undo_killed_by_me(config)
        known, me = versions.read(config), config["name"]
        former = (known or {}).get("former")
        if former is None:
            sys.exit("there was no upgrade, or it was taken back already")
        was = former["version"]
        if former["host"] != me:
            sys.exit(f"the data before the upgrade lies on {former['host']}: run this there")
        if versions.system(was) != former["system"] or was not in versions.installed():
            sys.exit(f"the data of PostgreSQL {was}, or its server, is not here any more: there is no way back")
        if decide.primary(survey(config)["servers"]) != me:
            sys.exit(f"{me} does not take the writes: on the host that does, farm-postgresql switchover {me}")
        if not sure:
            sys.exit(
                f"this loses all that was written since {former['since']}, when the data became of PostgreSQL {known['version']}. "
                "If that is what you want: farm-postgresql upgrade --back --lose-writes"
            )
        with going_back_if_it_fails(config):
            began = stop_writes(config, known["version"], was)
            turn(config, {"version": was, "system": former["system"]})
        begin_again(config)
        say(f"the data is that of PostgreSQL {was} as of {former['since']}; writes were away for {time.monotonic() - began:.1f} s")
        say(f"declare version {was}, or run farm-postgresql upgrade {known['version']} again")


def remove_former(config):
    """Deletes here what was kept of other versions: from then on there is no way back."""
    with alone():
        known, version = versions.read(config), versions.running(config)
        mine = server(config, address_of(config, config["name"]))
        if known is None or known["version"] != version or mine is None or mine["state"] != "running":
            sys.exit("PostgreSQL does not run here on the cluster's data: nothing was removed")
        if decide.heir(survey(config)["servers"], config["members"], None) is None:
            sys.exit("no second member has every write yet: nothing was removed")
        others = [path for path in versions.FOLDER.glob("*/*") if path.name in ("main", "given-up", "upgrade") and path != data(version)]
        for folder in others:
            shutil.rmtree(folder)
            say(f"removed {folder}")
        say("nothing is kept of other versions" if not others else "their packages are yours to remove: apt-get purge")


def lost(config, name):
    """An operator's word that the host on which an upgrade was under way is off for good: the others go on with what they have."""
    mark = under_way(config)
    if mark is None or mark["host"] != name:
        sys.exit(f"no upgrade is under way on {name}")
    if server(config, address_of(config, name)) is not None or survey(config, [name])["votes"].get(name) is not None:
        sys.exit(f"{name} answers, so it is not lost: what was begun there ends by itself")
    if not end_mark(config, mark):
        sys.exit("etcd does not take the end of the upgrade; run this again")
    say("Patroni chooses a primary among those that have every write: farm-postgresql status")
