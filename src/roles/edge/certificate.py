"""Keeps the edge's certificates: the keys are made here and never leave the host.

One is signed by the authority of this host, for all names, so that there always is one. Where the farm declares a public
authority (ACME, RFC 8555), that one's comes before it; HAProxy answers its questions, whichever host they come to.

Without an argument it makes what this host can make by itself. With --renew it asks the public authority as well, and
has HAProxy load what is new. With --check it fails when something ends that nobody has renewed in time.
"""

import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SETTINGS = pathlib.Path("/etc/farm/edge/certificates.json")
AUTHORITY = pathlib.Path("/etc/farm/edge/authority.pem")
AUTHORITY_KEY = pathlib.Path("/etc/farm/edge/authority.key")
# HAProxy reads all files of this directory but those with a dot before their name; of two for one name it takes the first.
DIRECTORY = pathlib.Path("/var/lib/farm-edge")
PUBLIC, OWN = DIRECTORY / "acme.pem", DIRECTORY / "edge.pem"
# The account and what uacme has made by it.
ACCOUNT = pathlib.Path("/var/lib/farm-acme")
CHALLENGE = "/usr/local/lib/farm-edge/challenge.sh"
# The terms of Let's Encrypt, for which whoever reads our monitoring is prepared.
DAYS, RENEW_DAYS = 90, 30
# Days that are left when a person has to look: renewal has failed for two weeks; a later end has to be declared.
LEAST_DAYS, AUTHORITY_LEAST_DAYS = 14, 60


def run(*command):
    """Runs a command and returns what it prints; ends the program with what it says when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        sys.exit(f"{command[0]} {command[1]} fails ({done.returncode}): {done.stderr.strip()[-2000:]}")
    return done.stdout


def days_left(path):
    """Whole days for which the first certificate of a file is still good; less than none when it has ended."""
    end = run("openssl", "x509", "-in", path, "-noout", "-enddate", "-dateopt", "iso_8601").partition("=")[2].strip()
    return (datetime.datetime.fromisoformat(end) - datetime.datetime.now(datetime.timezone.utc)).days


def serves(path, names):
    """Whether there is a certificate for just these names which need not be renewed yet."""
    if not path.exists() or days_left(path) < RENEW_DAYS:
        return False
    found = re.findall(r"DNS:([^,\s]+)", run("openssl", "x509", "-in", path, "-noout", "-ext", "subjectAltName"))
    return sorted(found) == names


def put(path, parts):
    """Key, certificate and authorities in one file, put in place in one step: HAProxy never sees half of it."""
    new = DIRECTORY / ".new"
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("".join(pathlib.Path(part).read_text() for part in parts))
        file.flush()
        os.fsync(file.fileno())
    shutil.chown(new, "root", "haproxy")
    new.chmod(0o640)
    new.replace(path)
    print(f"{path.name} is good for {days_left(path)} days")


def make_own(names):
    """Signs a certificate by this host's authority. Returns whether there is a new one."""
    # What it is signed by lies in it as well: another authority, or other limits, are other words.
    if not names or (serves(OWN, names) and AUTHORITY.read_text() in OWN.read_text()):
        return False
    days = min(DAYS, days_left(AUTHORITY))
    if days < 1:
        sys.exit("the authority of this host has ended: declare a later day (edge.authority.until) and apply it")
    with tempfile.TemporaryDirectory(dir="/run") as directory:
        key, certificate = (os.path.join(directory, name) for name in ("key", "certificate"))
        run(
            "openssl", "req", "-x509", "-CA", AUTHORITY, "-CAkey", AUTHORITY_KEY,
            "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
            "-keyout", key, "-out", certificate, "-days", str(days), "-subj", "/CN=edge",
            "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names),
            "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth",
            "-addext", "keyUsage=critical,digitalSignature",
        )  # fmt: skip
        put(OWN, (key, certificate, AUTHORITY))
    return True


def ask_public(names, directory, contact):
    """Has the public authority sign a certificate. Returns whether there is a new one; ends the program when it says no."""
    if not names or serves(PUBLIC, names):
        return False
    uacme = ("uacme", "--confdir", ACCOUNT, "--acme-url", directory, "--yes")
    # All hosts have one account. That one of them has made it is no failure, and uacme calls it one.
    made = subprocess.run([*uacme, "new", *([contact] if contact else [])], capture_output=True, text=True)
    if made.returncode != 0 and "Account already exists" not in made.stderr:
        sys.exit(f"uacme new fails ({made.returncode}): {made.stderr.strip()[-2000:]}")
    run(*uacme, "--type", "EC", "--force", "--hook", CHALLENGE, "issue", *names)
    put(PUBLIC, (ACCOUNT / "private" / names[0] / "key.pem", ACCOUNT / names[0] / "cert.pem"))
    return True


def check(acme):
    """Says what ends soon. The authority comes first: a certificate of its own never lasts longer."""
    if (left := days_left(AUTHORITY)) < AUTHORITY_LEAST_DAYS:
        sys.exit(f"the authority of this host ends in {left} days: declare a later day (edge.authority.until) and apply it")
    shown = PUBLIC if acme else OWN
    if not shown.exists():
        sys.exit(f"there is no {shown.name}: see why, journalctl -u farm-edge-certificate")
    if (left := days_left(shown)) < LEAST_DAYS:
        sys.exit(f"{shown.name} ends in {left} days: see why it was not renewed, journalctl -u farm-edge-certificate")


def main():
    settings = json.loads(SETTINGS.read_text())
    names, acme = sorted(settings["names"]), settings["acme"]
    if "--check" in sys.argv:
        return check(acme) if names else None
    new = make_own(names)
    if not acme:
        PUBLIC.unlink(missing_ok=True)
    if "--renew" in sys.argv:
        new = (acme is not None and ask_public(names, acme["directory"], acme["contact"])) or new
        if new:
            run("systemctl", "reload", "farm-edge.service")


main()
