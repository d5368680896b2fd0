"""This host's configuration, and the ways in which it asks Patroni, etcd and PostgreSQL."""

import base64
import json
import os
import pathlib
import socket
import subprocess
import time
import urllib.error
import urllib.request

CONFIG = pathlib.Path("/etc/farm/postgresql/cluster.json")
# There while this primary is about to hand the writes over, so that proxies send it no new sessions.
LEAVING = pathlib.Path("/run/farm-postgresql/leaving")
# Of farm-postgresql itself, durable. PROMOTED is there since this far copy was made the primary by hand, and says who was given
# up for that; COMPLETE says until when a far copy has everything.
STATE = pathlib.Path("/var/lib/farm-postgresql")
PROMOTED = STATE / "promoted.json"
COMPLETE = STATE / "complete.json"
# Seconds. A question that takes longer says enough.
ASK_LIMIT = 2.0
SQL_LIMIT = 10.0
POLL = 0.25
# Debian takes the newest that is installed, which knows all servers before it.
PSQL = "/usr/bin/psql"


def declared():
    """What src/roles/postgresql/program.ts wrote."""
    return json.loads(CONFIG.read_text())


def load():
    """The same as it holds now: a copy that was promoted is a cluster of its own until a declaration makes it a member."""
    config, promotion = declared(), recorded(PROMOTED)
    alone = promotion and not promotion["settled"] and config["part"] == "replica"
    return {**config, **config["alone"]} if alone else config


def recorded(path):
    """What was recorded in a file of STATE, or None."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def record(path, value):
    """Records it, whole or not at all, and on the disk when this returns."""
    STATE.mkdir(mode=0o755, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    with open(fresh, "w") as file:
        file.write(json.dumps(value) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.rename(fresh, path)
    folder = os.open(STATE, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


# Peers are asked directly, whatever proxy the environment names.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def http(url, body=None, headers=(), limit=ASK_LIMIT, method=None):
    """(status, text) of an HTTP question; a JSON `body` makes it a POST. (None, why) when nobody answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json", **dict(headers)}, method=method)
    try:
        with OPENER.open(request, timeout=limit) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()
    except (OSError, ValueError) as error:
        return None, str(error)


def parsed(answer):
    """The JSON object of an answer of `http`, or None when there is none."""
    try:
        found = json.loads(answer[1]) if answer[0] is not None else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def patroni(config, address, path, body=None, limit=ASK_LIMIT, method=None):
    """As `http`, of the Patroni at an address."""
    user, password = config["patroni"]["user"], config["patroni"]["password"]
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    return http(f"http://{address}:{config['ports']['state']}{path}", body, {"Authorization": f"Basic {token}"}.items(), limit, method)


def etcd(config, address, path, body=None, limit=ASK_LIMIT):
    """What etcd at an address answers to a call of its JSON interface (v3), or None; errors of etcd are in `error`."""
    return parsed(http(f"http://{address}:{config['ports']['vote']}/v3{path}", body or {}, limit=limit))


def sql_here(statement, database="postgres"):
    """The one text that a statement gives on this host's own server, as postgres by the socket; None if it does not answer."""
    command = ["runuser", "-u", "postgres", "--", PSQL, "--host=/run/postgresql", f"--dbname={database}"]
    return _psql(command, {}, statement)


def sql_writer(config, statement):
    """The same on the present primary, wherever that is."""
    environment = {"PGSERVICEFILE": config["services"], "PGSERVICE": "writer"}
    return _psql([PSQL], environment, statement)


def _psql(command, environment, statement):
    try:
        done = subprocess.run(
            [*command, "--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--set=ON_ERROR_STOP=1"],
            input=statement, env={**os.environ, **environment}, capture_output=True, text=True, timeout=SQL_LIMIT, cwd="/",
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def systemctl(*arguments):
    """Runs systemctl; what it complained about, or None."""
    done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True)
    return done.stderr.strip() or f"exit code {done.returncode}" if done.returncode else None


def active(unit):
    """Whether a unit of systemd runs, and is not just being started or stopped."""
    return subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode == 0


def polled(condition, limit):
    """Asks until `condition` gives something true, and returns that; at the limit, in seconds, what it gave last."""
    end = time.monotonic() + limit
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(POLL)
    return found


def homeless(address):
    """Why nothing can listen on an address of this host yet, or None."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return f"this host has no address {address} yet"
    return None
