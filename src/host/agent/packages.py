"""Debian packages, by apt and dpkg."""

import fcntl
import os
import time

from facts import packages_now
from tools import Failed, POLL, last_lines, must, read_bytes, run, say, write_file

# Where packages come from: switched before they are installed.
APT_DIRECTORY = "/etc/apt/"
POLICY = "/usr/sbin/policy-rc.d"
POLICY_TEXT = "#!/bin/sh\n# The farm's agent is installing packages; it starts services when they are configured.\nexit 101\n"

# Seconds.
APT_LIMIT = 900
APT_LOCK_LIMIT = 120


def apt(*arguments):
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    options = ["-qq", "--yes", "--no-install-recommends", "-o", f"DPkg::Lock::Timeout={APT_LOCK_LIMIT}",
               "-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Options::=--force-confdef"]
    return run(["apt-get", *options, *arguments], limit=APT_LIMIT, env=environment)


def obtain(packages, *options):
    """apt-get install of NAME or NAME=VERSION; asks the mirrors for new lists only when the present ones do not do."""
    options = ["--allow-downgrades", *options]
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
    wanted = wanted_packages(differences)
    if not wanted:
        return
    if differences.unfinished or any(path.startswith(APT_DIRECTORY) for path in differences.files):
        say("packages: downloaded later, what apt needs for it has to change first")
        return
    say(f"packages: downloading {len(wanted)}: {' '.join(wanted)}")
    obtain(wanted, "--download-only")


def wanted_packages(differences):
    """What apt is asked for: missing packages by name, those of another version with the version they shall have."""
    return [*differences.packages, *(f"{name}={version}" for name, version in differences.versions.items())]


def clear_policy():
    if read_bytes(POLICY) == POLICY_TEXT.encode():
        os.remove(POLICY)
    aside = f"{POLICY}.farm-kept"
    if os.path.lexists(aside) and not os.path.lexists(POLICY):
        os.rename(aside, POLICY)


def install(differences):
    """Installs packages in one transaction; their services are left as they are until we have configured them."""
    packages = wanted_packages(differences)
    if not packages and not differences.unfinished:
        return
    say(f"packages: installing {len(packages)}")
    transact(packages)
    installed = packages_now().installed
    missing = [name for name in differences.packages if name not in installed]
    missing += [f"{name}={version}" for name, version in differences.versions.items() if installed.get(name) != version]
    if missing:
        raise Failed(f"apt-get says it installed {' '.join(missing)}, dpkg does not know of it")


def transact(packages):
    """One transaction of apt, during which Debian's scripts start and stop no service."""
    if os.path.lexists(POLICY):
        os.rename(POLICY, f"{POLICY}.farm-kept")
    write_file(POLICY, POLICY_TEXT.encode(), 0o755)
    try:
        finish_interrupted()
        if packages:
            obtain(packages)
    finally:
        clear_policy()


def return_versions(former):
    """Brings packages back to the versions that they had. `former`: versions by name."""
    installed = packages_now().installed
    changed = [f"{name}={version}" for name, version in former.items() if installed.get(name) != version]
    if changed:
        say(f"packages: going back to {' '.join(changed)}")
        transact(changed)


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
