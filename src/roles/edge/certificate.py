"""Makes the edge's certificate, signed by the authority of this host, when there is none that serves.

Its key is made here and never leaves the host. With --due it only tells by its exit code whether one must be made (0) or
not (1); with --check it fails when something ends that nobody has renewed in time.
"""

import datetime
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HOSTNAMES = pathlib.Path("/etc/farm/edge/hostnames")
AUTHORITY = pathlib.Path("/etc/farm/edge/authority.pem")
AUTHORITY_KEY = pathlib.Path("/etc/farm/edge/authority.key")
DIRECTORY = pathlib.Path("/var/lib/farm-edge")
CERTIFICATE = DIRECTORY / "edge.pem"
# The terms of Let's Encrypt, for which whoever reads our monitoring is prepared.
DAYS, RENEW_DAYS = 90, 30
# Days that are left when a person has to look: renewal has failed for two weeks; a later end has to be declared.
LEAST_DAYS, AUTHORITY_LEAST_DAYS = 14, 60


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout


def days_left(path):
    """Whole days for which the first certificate of a file is still good; less than none when it has ended."""
    end = openssl("x509", "-in", path, "-noout", "-enddate", "-dateopt", "iso_8601").partition("=")[2].strip()
    return (datetime.datetime.fromisoformat(end) - datetime.datetime.now(datetime.timezone.utc)).days


def is_due(hostnames):
    # What it is signed by lies in it as well: another authority, or other limits, are other words.
    if not CERTIFICATE.exists() or AUTHORITY.read_text() not in CERTIFICATE.read_text():
        return True
    names = re.findall(r"DNS:([^,\s]+)", openssl("x509", "-in", CERTIFICATE, "-noout", "-ext", "subjectAltName"))
    return days_left(CERTIFICATE) < RENEW_DAYS or sorted(names) != hostnames


def make(hostnames):
    """Key, certificate and authority in one file, put in place in one step: HAProxy never sees half of it."""
    days = min(DAYS, days_left(AUTHORITY))
    if days < 1:
        sys.exit("the authority of this host has ended: declare a later day (edge.authority.until) and apply it")
    with tempfile.TemporaryDirectory(dir="/run") as directory:
        key, certificate = (os.path.join(directory, name) for name in ("key", "certificate"))
        openssl(
            "req", "-x509", "-CA", AUTHORITY, "-CAkey", AUTHORITY_KEY,
            "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
            "-keyout", key, "-out", certificate, "-days", str(days), "-subj", "/CN=edge",
            "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in hostnames),
            "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth",
            "-addext", "keyUsage=critical,digitalSignature",
        )  # fmt: skip
        # HAProxy reads all files of the directory but those with a dot before their name.
        new = DIRECTORY / ".new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write("".join(pathlib.Path(part).read_text() for part in (key, certificate, AUTHORITY)))
            file.flush()
            os.fsync(file.fileno())
    shutil.chown(new, "root", "haproxy")
    new.chmod(0o640)
    new.replace(CERTIFICATE)
    print(f"made a certificate for {' '.join(hostnames)}, good for {days} days")


def check():
    """Says what ends soon. The authority comes first: a certificate never lasts longer."""
    if (left := days_left(AUTHORITY)) < AUTHORITY_LEAST_DAYS:
        sys.exit(f"the authority of this host ends in {left} days: declare a later day (edge.authority.until) and apply it")
    if CERTIFICATE.exists() and (left := days_left(CERTIFICATE)) < LEAST_DAYS:
        sys.exit(f"the certificate ends in {left} days and was not renewed: see why, journalctl -u farm-edge")


def main():
    if "--check" in sys.argv:
        return check()
    hostnames = sorted(HOSTNAMES.read_text().split())
    due = bool(hostnames) and is_due(hostnames)
    if "--due" in sys.argv:
        sys.exit(0 if due else 1)
    if due:
        make(hostnames)


main()
