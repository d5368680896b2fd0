"""
Which major version of PostgreSQL the cluster's data is of. That stands in etcd, under KEY, as JSON:

    version, system    the number, and the system identifier of the data: PostgreSQL's own name for one set of it
    former             where there is a way back: version, system and `host` of the data before, and `since` when it is that

What is declared is only what the cluster may be brought to: a host goes by what stands in etcd, and where nobody can tell,
by what it knew last. Data lies in FOLDER/VERSION/main; what was given up beside it, in FOLDER/VERSION/given-up.
"""

import base64
import json
import os
import pathlib
import re
import shutil
import subprocess

import host

KEY = "/farm/version"
# There while an upgrade or the way back is under way: `host`, and `to`, the version.
UNDER_WAY = "/farm/upgrade"
FOLDER = pathlib.Path("/var/lib/postgresql")
# Read by patroni.service: these override config.yml.
RECORD = host.STATE / "version.env"


def binaries(version):
    return pathlib.Path(f"/usr/lib/postgresql/{version}/bin")


def data(version):
    return FOLDER / str(version) / "main"


def has_data(version):
    return (data(version) / "PG_VERSION").exists()


def recorded():
    """The version that this host runs, or None before its first start."""
    found = re.search(r"^FARM_POSTGRESQL_VERSION=(\d+)$", RECORD.read_text(), re.M) if RECORD.exists() else None
    return int(found[1]) if found else None


def running(config):
    return recorded() or config["version"]


def installed():
    """Versions whose server is installed here, sorted."""
    return sorted(int(path.parent.parent.name) for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))


def kept():
    """Numbers of the versions of which there is data here, sorted."""
    return sorted(int(path.parent.parent.name) for path in FOLDER.glob("*/main/PG_VERSION"))


def system(version, folder=None):
    """The system identifier of data that lies here; None where it can't be read."""
    done = subprocess.run(
        [binaries(version) / "pg_controldata", folder or data(version)], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}
    )
    found = re.search(r"^Database system identifier:\s+(\d+)$", done.stdout, re.M)
    return found[1] if found else None


# etcd

def coded(text):
    return base64.b64encode(text.encode()).decode()


def ask(config, path, body):
    """What the votes answer, by the first that knows a leader; None when none does."""
    own = config["votes"].get(config["name"])
    for address in sorted(config["votes"].values(), key=lambda address: address != own):
        answer = host.etcd(config, address, path, body, limit=5)
        if answer is not None and "header" in answer:
            return answer
    return None


def get(config, key):
    """(whether etcd answers, text of a key or None)."""
    answer = ask(config, "/kv/range", {"key": coded(key)})
    found = (answer or {}).get("kvs", [])
    return answer is not None, base64.b64decode(found[0]["value"]).decode() if found else None


def change(config, expected, put, delete=()):
    """All of a change of etcd's keys at once, if those of `expected` (None: none) are as they say; whether it was made."""
    compare = [
        {"key": coded(key), "target": "CREATE", "result": "EQUAL", "createRevision": "0"} if text is None
        else {"key": coded(key), "target": "VALUE", "result": "EQUAL", "value": coded(text)}
        for key, text in expected.items()
    ]
    success = [{"requestPut": {"key": coded(key), "value": coded(text)}} for key, text in put.items()]
    success += [{"requestDeleteRange": {"key": coded(key)}} for key in delete]
    answer = ask(config, "/kv/txn", {"compare": compare, "success": success})
    return bool(answer and answer.get("succeeded"))


def read(config):
    """What stands under KEY, or None while etcd does not answer or knows nothing."""
    text = get(config, KEY)[1]
    return json.loads(text) if text else None


def settle(config):
    """Says once, for a cluster of which it was never said, of which version the data is: its primary knows."""
    there, text = get(config, KEY)
    found = host.sql_writer(config, "SELECT system_identifier FROM pg_control_system()") if there and text is None else None
    if found:
        change(config, {KEY: None}, {KEY: json.dumps({"version": running(config), "system": found})})


# This host

def prepare(config):
    """Before Patroni starts: which version it runs. Returns it; exits, with what to do, when that is not installed."""
    known = read(config)
    version = known["version"] if known else recorded() or max(kept(), default=config["version"])
    if version not in installed():
        raise SystemExit(
            f"the data of {config['cluster']} is of PostgreSQL {version}, which is not installed here: declare version {version} until "
            f"it has been brought to {config['version']} (on the primary: farm-postgresql upgrade {config['version']})"
        )
    for other in kept():
        if other != version:
            stop(other)
        if known and other > version:
            give_up(other)
    record(version)
    return version


def record(version):
    RECORD.parent.mkdir(mode=0o755, exist_ok=True)
    text = (
        f"FARM_POSTGRESQL_VERSION={version}\n"
        f"PATRONI_POSTGRESQL_BIN_DIR={binaries(version)}\n"
        f"PATRONI_POSTGRESQL_DATA_DIR={data(version)}\n"
    )
    new = RECORD.with_suffix(".new")
    new.write_text(text)
    os.replace(new, RECORD)


def stop(version):
    """A server that was left running on data that is not the cluster's any more."""
    if (data(version) / "postmaster.pid").exists():
        as_postgres([binaries(version) / "pg_ctl", "stop", f"--pgdata={data(version)}", "--mode=fast", "--timeout=120"])


def give_up(version):
    """Data of an upgrade that did not come about, or that was taken back: kept, in place of what was kept so before."""
    target = data(version).with_name("given-up")
    shutil.rmtree(target, ignore_errors=True)
    os.rename(data(version), target)
    print(f"data of PostgreSQL {version} is given up, and kept as {target}", flush=True)


def as_postgres(command, **options):
    return subprocess.run(["runuser", "-u", "postgres", "--", *map(str, command)], capture_output=True, text=True, cwd="/", **options)


def size(folder):
    """Bytes that files below a folder take; those that go while it is counted count nothing."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total


def told(config):
    """For the other hosts of the cluster: what an upgrade has to know of this one. `free` in bytes."""
    room = os.statvfs(FOLDER)
    return {
        "declared": config["version"], "running": running(config), "installed": installed(), "free": room.f_bavail * room.f_frsize,
    }
