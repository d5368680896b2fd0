"""A vote in etcd begins: it forms a cluster with the others, joins one that runs, or goes on with its data."""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import host
import versions
from decide import Step, barred, electing, founding, join, promoted_without, surplus, unrecoverable
from state import given_up_by, survey

# Read by etcd.service after everything else.
ENVIRONMENT = pathlib.Path("/run/farm-postgresql/etcd.env")
# There for the one start with which a single vote becomes a cluster of its own.
ALONE = pathlib.Path("/run/farm-postgresql/vote-alone")
# A file for each far copy that was not promoted, as an administrator says.
VOUCHED = pathlib.Path("/run/farm-postgresql/not-promoted")
# Peer addresses of the votes that are declared, in etcd itself: one that was taken out must not come back by itself.
KEY = base64.b64encode(b"/farm/votes").decode()
POLL = 0.5
# Less than the unit's TimeoutStartSec; it is started again.
JOIN_LIMIT = 170.0
START_LIMIT = 60.0
# An election takes 1.5 to 3 s (vote.ts).
NOTICE_LIMIT = 10.0


def data_of(config):
    return pathlib.Path("/var/lib/etcd") / config["cluster"]


def peers_of(config):
    return {name: f"http://{address}:{config['ports']['peer']}" for name, address in config["votes"].items()}


def begin(config):
    """ExecStartPre of etcd.service."""
    if ALONE.exists():
        make_alone(config)
        ALONE.unlink()
        return write({config["name"]: peers_of(config)[config["name"]]}, "new")
    end = time.monotonic() + JOIN_LIMIT
    waiting, ready, told = None, set(), None
    while time.monotonic() < end:
        # Another declaration may be what it waits for.
        config = host.load()
        if config["name"] not in config["votes"]:
            sys.exit(f"not starting etcd: {config['name']} has no vote any more")
        has_data = (data_of(config) / "member").exists()
        if not has_data and waiting is None:
            waiting = answer_meanwhile(config)
        votes = {**survey_votes(config), config["name"]: None}
        ready |= {name for name, vote in votes.items() if vote and vote["waiting"]}
        no = barred(config["name"], given_up_by(config), electing(votes), has_data, vouched())
        step = Step("wait", no) if no else join(config["name"], peers_of(config), votes, has_data, ready, welcome(config, votes))
        if step.why != told:
            told = step.why
            print(told, flush=True)
        if step.action != "wait" and act(config, step, votes):
            return None
        time.sleep(POLL)
    sys.exit(f"not starting etcd: {told}")


def vouched():
    """Far copies of which an administrator has said, since this machine booted, that they were not promoted."""
    return [path.name for path in VOUCHED.iterdir()] if VOUCHED.exists() else []


def vouch(config, names):
    """An administrator's word that far copies which do not answer were not promoted."""
    unknown = sorted(set(names) - set(config["replicas"]))
    if unknown:
        sys.exit(f"{', '.join(unknown)} is no far copy of this cluster; there is: {', '.join(sorted(config['replicas'])) or 'none'}")
    VOUCHED.mkdir(parents=True, exist_ok=True)
    for name in names:
        (VOUCHED / name).touch()


def found_later(config, later):
    """Says whom a cluster that was never there waits for, if these are all among `later`; else exits 1."""
    has_data = (data_of(config) / "member").exists()
    absent = founding(config["name"], survey({**config, "part": "witness"})["votes"], has_data, later)
    if not absent:
        sys.exit(1)
    print(f"a cluster is founded when all its votes are there, and {', '.join(absent)} is yet to come")


def welcome(config, votes):
    """The peer addresses on which those who vote count, or None where nothing was said or nobody can tell."""
    elected = electing(votes)
    answer = host.etcd(config, config["votes"][elected[0]], "/kv/range", {"key": KEY}) if elected else None
    found = (answer or {}).get("kvs", [])
    return json.loads(base64.b64decode(found[0]["value"])) if found else None


def settle(config):
    """Tells etcd which votes are declared, and takes out those that are not any more, once all that are do vote."""
    peers, votes = peers_of(config), survey({**config, "part": "witness"})["votes"]
    if not electing(votes):
        return
    address = config["votes"][electing(votes)[0]]
    value = base64.b64encode(json.dumps(sorted(peers.values())).encode()).decode()
    host.etcd(config, address, "/kv/put", {"key": KEY, "value": value}, limit=10)
    for url, number in surplus(peers, votes).items():
        answer = host.etcd(config, address, "/cluster/member/remove", {"ID": number}, limit=10)
        print(f"the vote at {url} is not declared any more: {(answer or {}).get('error', 'removed')}")


def survey_votes(config):
    """What the other votes say."""
    return survey({**config, "part": "witness"}, set(config["votes"]) - {config["name"]})["votes"]


def act(config, step, votes):
    """Does a step that `join` decided; returns whether etcd may start now."""
    peers = peers_of(config)
    if step.action in ("new", "existing"):
        write(step.initial, step.action)
    elif step.action == "start":
        write(peers, "existing")
    elif step.action == "add":
        if not change(config, votes, "/cluster/member/add", {"peerURLs": [peers[config["name"]]]}):
            return False
        write(step.initial, "existing")
    else:
        if step.action == "renew":
            set_aside(config)
        else:
            change(config, votes, "/cluster/member/remove", {"ID": step.initial})
        return False  # Looked at again: now it is not one of them any more, and has no data.
    return True


def change(config, votes, path, body):
    """Asks a vote that knows a leader for a change of the votes; returns whether it was made."""
    address = config["votes"][electing(votes)[0]]
    answer = host.etcd(config, address, path, body, limit=10)
    if answer is None or "error" in answer:
        print(f"the votes refuse {path}: {(answer or {}).get('error', 'no answer')}", flush=True)
        return False
    return True


def set_aside(config):
    """Keeps data that is not good any more, in place of what was kept before."""
    data = data_of(config)
    kept = data.with_name(f"{data.name}.former")
    shutil.rmtree(kept, ignore_errors=True)
    os.rename(data, kept)


def alone_of(config):
    """Where the data of a vote that goes on alone is made."""
    data = data_of(config)
    return data.with_name(f"{data.name}.alone")


def make_alone(config):
    """
    Makes what this vote has the data of a cluster of one; what it was is kept. Not by etcd's --force-new-cluster: when etcd
    was killed, its log may lack what its data has already, and whoever joins gets other data than this one (seen).
    """
    me, data, fresh = config["name"], data_of(config), alone_of(config)
    # Without data, this was interrupted between the last two steps.
    if (data / "member").exists():
        shutil.rmtree(fresh, ignore_errors=True)
        own = peers_of(config)[me]
        # The database has no checksum of a snapshot. Who watches sees the revision only rise.
        done = subprocess.run(
            ["runuser", "-u", "etcd", "--", "etcdutl", "snapshot", "restore", data / "member/snap/db", "--skip-hash-check",
             "--bump-revision=1000000", "--mark-compacted", f"--data-dir={fresh}", f"--name={me}", f"--initial-cluster={me}={own}",
             f"--initial-advertise-peer-urls={own}", f"--initial-cluster-token={config['cluster']}"],
            capture_output=True, text=True, cwd="/",
        )
        if done.returncode:
            sys.exit(f"the data of this vote can't be taken over: {done.stderr.strip()[-500:]}")
        set_aside(config)
    os.rename(fresh, data)


def write(initial, state):
    ENVIRONMENT.parent.mkdir(exist_ok=True)
    cluster = ",".join(f"{name}={url}" for name, url in sorted(initial.items()))
    lines = [f"ETCD_INITIAL_CLUSTER={cluster}", f"ETCD_INITIAL_CLUSTER_STATE={state}"]
    ENVIRONMENT.write_text("\n".join(lines) + "\n")


def answer_meanwhile(config):
    """Tells the others on etcd's port that this host is there and has no data; None while it has no address."""
    address = config["votes"][config["name"]]

    class Waiting(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            text = json.dumps({"waiting": config["name"]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    try:
        listener = ThreadingHTTPServer((address, config["ports"]["vote"]), Waiting)
    except OSError:
        return None
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    return listener


def recover(config, lost):
    """An operator's word that the votes `lost` are off and stay so: this one becomes a cluster of its own with its data."""
    promoted = promoted_without(config["name"], given_up_by(config))
    if promoted:
        sys.exit(f"{', '.join(promoted)} was promoted, and this host given up: declare it a member instead")
    ask = lambda: survey({**config, "part": "witness"})["votes"]
    # A majority that is gone is noticed after an election or two; until then everybody names the leader that was.
    if not host.polled(lambda: not electing(ask()), NOTICE_LIMIT):
        sys.exit(f"{', '.join(electing(ask()))} know a leader: the votes are a majority, there is nothing to recover")
    no = unrecoverable(config["name"], lost, ask())
    if no:
        sys.exit(no)
    if not (data_of(config) / "member").exists() and not alone_of(config).exists():
        sys.exit("this host has no data of the votes; do it on another")
    ALONE.parent.mkdir(exist_ok=True)
    ALONE.touch()
    done = subprocess.run(["systemctl", "restart", "etcd.service"], capture_output=True, text=True, timeout=START_LIMIT + 180)
    if done.returncode:
        sys.exit(f"etcd did not start: {done.stderr.strip()}; see: journalctl -u etcd")
    if not host.polled(lambda: config["name"] in electing(ask()), START_LIMIT):
        sys.exit("etcd does not vote alone; see: journalctl -u etcd")
    release(config, lost)
    others = sorted(set(config["votes"]) - {config["name"]} - set(lost))
    print(f"this vote goes on alone. {'On ' + ', '.join(others) + ': systemctl restart etcd. ' if others else ''}Lost ones join anew when they start.")


def release(config, lost):
    """Gives up the right to write of a host that is off for good: it would last for another 20 s."""
    key = f"/service/{config['cluster']}/leader"
    for name in lost:
        versions.change(config, {key: name}, {}, [key])
