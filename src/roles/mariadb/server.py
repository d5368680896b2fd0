"""The MariaDB server of this host as the daemon sees and handles it: systemd, the data directory, a status client."""

import hashlib
import os
import pathlib
import re
import select
import subprocess
import time

UNIT = "mariadb.service"
SOCKET = "/run/mysqld/mysqld.sock"
GRASTATE = pathlib.Path("/var/lib/mysql/grastate.dat")
# An environment file of mariadb.service (our drop-in): its presence makes the next start a bootstrap.
BOOTSTRAP = pathlib.Path("/run/farm-galera/bootstrap")
# There while this member is about to be restarted, so that another takes the writes first.
LEAVING = pathlib.Path("/run/farm-galera/leaving")
# There once an administrator has said that this member goes for good: others are not to miss it, nor it to come back.
RETIRED = pathlib.Path("/var/lib/farm-galera/retired")
# With what configuration and program the server was started last.
STARTED = pathlib.Path("/run/farm-galera/started")
CONFIG = pathlib.Path("/etc/mysql/mariadb.conf.d/80-farm.cnf")
PROGRAM = pathlib.Path("/usr/sbin/mariadbd")
NO_UUID = "00000000-0000-0000-0000-000000000000"
# Sixteen of the largest transactions that MediaWiki makes (2 MiB of text, twice, and its indexes).
ROOM_BYTES = 64 << 20
# A member that is to stop is not Primary, so nothing commits on it any more: one that hangs may be killed.
KILL_AFTER = 30.0
# Seconds. A start with a small transfer from another member takes ten.
START_LIMIT = 60.0

STATUS = (
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status', 'wsrep_local_state_comment', 'wsrep_ready',"
    " 'wsrep_cluster_size', 'wsrep_cluster_state_uuid', 'wsrep_last_committed', 'wsrep_incoming_addresses'); SHOW GLOBAL STATUS LIKE 'Uptime';\n"
)


class StatusClient:
    """Asks the server for its cluster status through one lasting session of the `mariadb` client.

    A new client for each of four questions a second would cost more than all else that this host does when idle.
    """

    def __init__(self):
        self.process = None

    def ask(self, limit=1.0):
        """The status variables by name, or None when the server does not answer within `limit` seconds."""
        try:
            if self.process is None:
                self.process = subprocess.Popen(
                    ["mariadb", "--no-defaults", f"--socket={SOCKET}", "--connect-timeout=1"]
                    + ["--batch", "--skip-column-names", "--unbuffered", "--skip-reconnect"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    bufsize=0,
                )
            self.process.stdin.write(STATUS.encode())
            return self._answer(time.monotonic() + limit)
        except (OSError, ValueError):
            self.close()
            return None

    def _answer(self, deadline):
        text = b""
        while not re.search(rb"^Uptime\t\d+\n", text, re.MULTILINE):
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self.process.stdout], [], [], left)[0]:
                raise TimeoutError("no answer from the server")
            piece = os.read(self.process.stdout.fileno(), 4096)
            if not piece:
                raise ConnectionError("the client ended")
            text += piece
        return dict(line.split("\t", 1) for line in text.decode().splitlines())

    def close(self):
        """Ends the session; the next question begins another."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.stdin.close()
            process.stdout.close()
            process.wait()


def wsrep(status):
    """The part of /state that comes from the server's status variables."""
    # A server without Galera has a part of them.
    if status is None or "wsrep_local_state_comment" not in status:
        return {"serving": False, "uuid": None, "view": [], "wsrep": None}
    state = status["wsrep_local_state_comment"]
    primary = status["wsrep_cluster_status"] == "Primary"
    # A donor goes on serving: with mariadb-backup it is held up for moments only, and while the first joiner of a
    # cluster that restarts is served, the donor is all there is. ("Donor/Desynced" since Galera 2.)
    able = state == "Synced" or state.startswith("Donor")
    return {
        "serving": primary and status["wsrep_ready"] == "ON" and able,
        "uuid": status["wsrep_cluster_state_uuid"] if primary else None,
        "view": [address.split(":")[0] for address in status["wsrep_incoming_addresses"].split(",")] if primary else [],
        "wsrep": {
            "status": status["wsrep_cluster_status"],
            "state": state,
            "ready": status["wsrep_ready"] == "ON",
            "size": int(status["wsrep_cluster_size"]),
            "uuid": status["wsrep_cluster_state_uuid"],
            "committed": int(status.get("wsrep_last_committed", -1)),
        },
    }


CLIENT = ["mariadb", "--no-defaults", f"--socket={SOCKET}", "--batch", "--skip-column-names"]


def started_with():
    """Addresses of the members that the running server was started with; None when it does not answer."""
    question = [*CLIENT, "--connect-timeout=2", "-e", "SELECT @@wsrep_cluster_address"]
    try:
        asked = subprocess.run(question, capture_output=True, text=True, timeout=5)
    except subprocess.TimeoutExpired:
        return None
    return asked.stdout.strip().removeprefix("gcomm://").split(",") if asked.returncode == 0 else None


def flush():
    """Writes all files to the disk. A full copy's are not when MariaDB has put them in place, and a power cut that comes
    soon takes some of them away again (seen: an empty aria_log_control, with which no position could be recovered)."""
    subprocess.run(["sync", "--file-system", GRASTATE.parent], check=True)


def catch_up():
    """Waits for what the cluster has committed so far to be applied here; returns whether it is, within a second."""
    try:
        done = subprocess.run([*CLIENT, "-e", "SET SESSION wsrep_sync_wait = 1; SELECT 1"], capture_output=True, timeout=1)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def read_alone():
    """Lets new sessions read what is here as it is: this member takes all writes. Returns whether that was done."""
    return _set_global("wsrep_sync_wait = 0")


def read_with_others():
    """Makes new sessions wait, at each read, for what the cluster has committed until then."""
    _set_global("wsrep_sync_wait = 1")


def answer(anybody):
    """Has the server answer clients, or refuse all they ask but SHOW and SET. Returns whether that was done."""
    return _set_global(f"wsrep_reject_queries = {'NONE' if anybody else 'ALL'}")


def _set_global(setting):
    try:
        done = subprocess.run([*CLIENT, "-e", f"SET GLOBAL {setting}"], capture_output=True, timeout=2)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def drop_clients():
    """Ends the sessions of clients from other hosts; those by the unix socket stay."""
    # A member that is not Primary neither answers a SELECT nor does a KILL in a session that takes part in Galera.
    apart = "SET SESSION wsrep_on = OFF;"
    question = f"{apart} SELECT CONCAT('KILL ', ID, ';') FROM information_schema.PROCESSLIST WHERE HOST LIKE '%:%'"
    kills = subprocess.run([*CLIENT, "-e", question], capture_output=True, text=True, timeout=10).stdout
    # --force: some may have ended meanwhile.
    subprocess.run([*CLIENT, "--force"], input=f"{apart}\n{kills}", capture_output=True, text=True, timeout=10)


def has_room():
    """Whether the data directory's file system has space for the writes of some seconds."""
    there = os.statvfs(GRASTATE.parent)
    return there.f_bavail * there.f_frsize >= ROOM_BYTES


def unit():
    """Whether mariadb.service is running, starting, stopping or stopped."""
    shown = subprocess.run(
        ["systemctl", "show", UNIT, "--property=ActiveState", "--value"],
        capture_output=True, text=True, check=True, timeout=10,
    ).stdout.strip()
    return {"active": "running", "activating": "starting", "deactivating": "stopping"}.get(shown, "stopped")


def history():
    """The cluster in grastate.dat: the one that the data here was last part of. None without such a cluster."""
    try:
        found = re.search(r"^uuid:\s*([0-9a-f-]{36})", GRASTATE.read_text(), re.MULTILINE)
    except FileNotFoundError:
        return None
    return found.group(1) if found and found.group(1) != NO_UUID else None


def recover():
    """(position, fault): the last commit that InnoDB holds, [uuid or None, seqno], or why it can't be told.

    Not from grastate.dat: that says -1 after any crash. Without a time limit: it includes InnoDB's crash recovery.
    """
    done = subprocess.run(["galera_recovery"], capture_output=True, text=True)
    found = re.search(r"--wsrep_start_position=([0-9a-f-]{36}):(-?\d+)", done.stdout)
    if done.returncode != 0 or not found:
        return None, f"galera_recovery failed: {done.stderr.strip()[-300:]}"
    uuid, seqno = found.group(1), int(found.group(2))
    if uuid == NO_UUID:
        return [None, -1], None
    if seqno < 0:
        return None, f"InnoDB knows its cluster ({uuid}) but no position in it"
    return [uuid, seqno], None


def obstacle():
    """What keeps a start from making sense right now, or None."""
    installed = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Status}", "mariadb-server"], capture_output=True, text=True
    ).stdout
    return None if installed == "installed" else "the package mariadb-server is being installed or upgraded"


def present():
    """What a server that is started now would run with."""
    return f"{hashlib.sha256(CONFIG.read_bytes()).hexdigest()} {PROGRAM.stat().st_mtime_ns}"


def is_outdated():
    """Whether the server was started with another configuration or program than is here."""
    return not STARTED.exists() or STARTED.read_text() != present()


def start():
    """Starts the server as one that joins."""
    BOOTSTRAP.unlink(missing_ok=True)
    STARTED.write_text(present())
    return _systemctl("start", "--no-block", UNIT)


def bootstrap():
    """Starts the server as the first of its cluster."""
    if GRASTATE.exists():
        text = re.sub(r"^safe_to_bootstrap:.*$", "safe_to_bootstrap: 1", GRASTATE.read_text(), flags=re.MULTILINE)
        with GRASTATE.open("r+") as file:
            file.write(text)
            file.truncate()
            os.fsync(file.fileno())
    BOOTSTRAP.write_text("_WSREP_NEW_CLUSTER=--wsrep-new-cluster\n")
    STARTED.write_text(present())
    return _systemctl("start", "--no-block", UNIT)


def stop():
    """
    Stops the server, which may take as long as the unit allows. One that is just starting can lose the signal and then never
    stops (seen: 15 minutes), so its start is waited for; one that does not come to its end serves nobody, and is killed.
    """
    end = time.monotonic() + START_LIMIT
    while unit() == "starting":
        if time.monotonic() > end:
            return stop_by_force()
        time.sleep(0.1)
    return _systemctl("stop", UNIT)


def stop_by_force():
    """Stops a server that is not Primary, and kills it when it hangs."""
    try:
        return _systemctl("stop", UNIT, timeout=KILL_AFTER)
    except subprocess.TimeoutExpired:
        return _systemctl("kill", "--signal=SIGKILL", UNIT)


def _systemctl(*arguments, timeout=None):
    """Runs systemctl; what it complained about, or None."""
    done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, timeout=timeout)
    return done.stderr.strip() if done.returncode else None
