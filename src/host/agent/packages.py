"""Debian packages, by apt and dpkg."""

import fcntl
import os
import time

from facts import packages_by_status
from tools import Failed, POLL, last_lines, must, read_bytes, run, say, write_file

# Where packages come from: switched before they are installed.
APT_DIRECTORY = "/etc/apt/"
POLICY = "/usr/sbin/policy-rc.d"
POLICY_TEXT = "#!/bin/sh\n# The farm's agent is installing packages; it starts services when they are configured.\nexit 101\n"


APT_LIMIT = 900
APT_LOCK_LIMIT = 120


def apt(*arguments):
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    options = ["-qq", "--yes", "--no-install-recommends", "-o", f"DPkg::Lock::Timeout={APT_LOCK_LIMIT}",
               "-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Options::=--force-confdef"]
    return run(["apt-get", *options, *arguments], limit=APT_LIMIT, env=environment)


def obtain(packages, *options):
    """apt-get install; asks the mirrors for new lists only when the present ones do not do."""
    code, output = apt("install", *options, *packages)
    if code == 0:
        return
    code, lists = apt("update")
    if code == 0:
        code, output = apt("install", *options, *packages)
    if code != 0:
        raise Failed(f"packages can't be installed ({' '.join(packages)}): {last_lines(output + lists, 6)}")


def download(differences):
    """Fetches packages into apt's cache before anything changes, where that can be done."""
    if not differences.packages:
        return
    if differences.unfinished or any(path.startswith(APT_DIRECTORY) for path in differences.files):
        say("packages: downloaded later, what apt needs for it has to change first")
        return
    say(f"packages: downloading {len(differences.packages)}: {' '.join(differences.packages)}")
    obtain(differences.packages, "--download-only")


def clear_policy():
    if read_bytes(POLICY) == POLICY_TEXT.encode():
        os.remove(POLICY)
    aside = f"{POLICY}.farm-kept"
    if os.path.lexists(aside) and not os.path.lexists(POLICY):
        os.rename(aside, POLICY)


def install(differences):
    """Installs packages in one transaction; their services stay off until we have configured them."""
    packages = differences.packages
    if not packages and not differences.unfinished:
        return
    say(f"packages: installing {len(packages)}")
    if os.path.lexists(POLICY):
        os.rename(POLICY, f"{POLICY}.farm-kept")
    write_file(POLICY, POLICY_TEXT.encode(), 0o755)
    try:
        finish_interrupted()
        if packages:
            obtain(packages)
    finally:
        clear_policy()
    installed, _ = packages_by_status()
    missing = [name for name in packages if name not in installed]
    if missing:
        raise Failed(f"apt-get says it installed {' '.join(missing)}, dpkg does not know of it")


def finish_interrupted():
    """Lets dpkg finish. apt waits for whoever else installs something, dpkg does not: so wait for their locks."""
    with open("/var/lib/dpkg/lock-frontend", "a", encoding="ascii") as frontend:
        await_lock(frontend)
        # An orphaned dpkg, whose apt was killed, holds this one alone.
        with open("/var/lib/dpkg/lock", "a", encoding="ascii") as database:
            await_lock(database)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "DPKG_FRONTEND_LOCKED": "1"}
        must("finish an interrupted installation", ["dpkg", "--configure", "--force-confold", "--force-confdef", "-a"],
             limit=APT_LIMIT, env=environment)


def await_lock(file):
    end = time.monotonic() + APT_LOCK_LIMIT
    while True:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            if time.monotonic() > end:
                raise Failed(f"somebody else has been installing packages for {APT_LOCK_LIMIT} s") from None
        time.sleep(POLL)
