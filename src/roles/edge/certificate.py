"""Makes the edge's certificate, when there is none that serves: the key is made here and never leaves the host.

Signed by itself for now: a certificate authority comes with a later issue. With --due it only tells by its exit code
whether one must be made (0) or not (1).
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HOSTNAMES = pathlib.Path("/etc/farm/edge/hostnames")
DIRECTORY = pathlib.Path("/var/lib/farm-edge")
CERTIFICATE = DIRECTORY / "edge.pem"
# The terms of Let's Encrypt, for which whoever reads our monitoring is prepared.
DAYS, RENEW_DAYS = 90, 30


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout


def is_due(hostnames):
    if not CERTIFICATE.exists():
        return True
    read = ["openssl", "x509", "-in", CERTIFICATE, "-noout"]
    valid = subprocess.run([*read, "-checkend", str(RENEW_DAYS * 86400)], capture_output=True)
    if valid.returncode != 0:
        return True
    names = re.findall(r"DNS:([^,\s]+)", openssl(*read[1:], "-ext", "subjectAltName"))
    return sorted(names) != hostnames


def make(hostnames):
    """Key and certificate in one file, put in place in one step: HAProxy never sees half of it."""
    with tempfile.TemporaryDirectory(dir="/run") as directory:
        key, certificate = (os.path.join(directory, name) for name in ("key", "certificate"))
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
            "-keyout", key, "-out", certificate, "-days", str(DAYS), "-subj", "/CN=edge",
            "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in hostnames),
            "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth",
        )  # fmt: skip
        # HAProxy reads all files of the directory but those with a dot before their name.
        new = DIRECTORY / ".new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(pathlib.Path(key).read_text() + pathlib.Path(certificate).read_text())
            file.flush()
            os.fsync(file.fileno())
    shutil.chown(new, "root", "haproxy")
    new.chmod(0o640)
    new.replace(CERTIFICATE)


def main():
    hostnames = sorted(HOSTNAMES.read_text().split())
    due = bool(hostnames) and is_due(hostnames)
    if "--due" in sys.argv:
        sys.exit(0 if due else 1)
    if due:
        make(hostnames)
        print(f"made a certificate for {' '.join(hostnames)}, good for {DAYS} days")


main()
