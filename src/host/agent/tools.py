"""What every part of the agent uses: telling people, running commands, replacing files whole."""

import grp
import hashlib
import json
import os
import pwd
import subprocess
import sys

POLL = 0.2


class Refused(Exception):
    """The input is wrong and nothing was touched."""


class Failed(Exception):
    """A change could not be made. `units` are those whose journal may say why."""

    def __init__(self, text, units=()):
        super().__init__(text)
        self.units = units


def say(text):
    """Tells people. Nobody may be listening any more (a lost connection), and that must not stop a change half-way."""
    try:
        print(f"[{os.uname().nodename}] {masked(text)}", file=sys.stderr, flush=True)
    except OSError:
        pass


# What must never be told: values of secrets, line by line, and the hashes of passwords. Filled by `know_secrets`.
UNTOLD = set()


def know_secrets(secrets):
    for value in secrets.values():
        UNTOLD.update(line for line in value.splitlines() if len(line) >= 4)
        UNTOLD.add(native_hash(value))
    return secrets


def masked(value):
    """A text, or anything that JSON holds, with each known secret replaced."""
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    if isinstance(value, str):
        for secret in sorted(UNTOLD, key=len, reverse=True):
            value = value.replace(secret, "[secret]")
    return value


def run(argv, stdin=None, limit=60, env=None):
    """Runs a command without a shell; returns (exit code, output of both streams)."""
    try:
        done = subprocess.run(argv, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit, text=True,
                              errors="replace", env=env)
    except FileNotFoundError:
        return 127, f"{argv[0]}: not installed"
    except subprocess.TimeoutExpired:
        return 124, f"no answer within {limit} s"
    return done.returncode, done.stdout


def must(purpose, argv, **more):
    code, output = run(argv, **more)
    if code != 0:
        raise Failed(f"can't {purpose}: {last_lines(output, 8) or f'exit code {code}'}")
    return output


def last_lines(text, count):
    return "\n".join([line for line in text.splitlines() if line.strip()][-count:])


def sync_directory(path):
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def aside_of(path):
    """Where the successor of a file or link waits to be renamed into place; hidden, so that no `*` finds it."""
    return f"{os.path.dirname(path)}/.{os.path.basename(path)}.farm-new"


def remove_if_there(path):
    try:
        os.remove(path)
    except FileNotFoundError:
        pass


def write_file(path, content, mode, uid=0, gid=0):
    """Replaces a file in one step: after a power cut it is the old or the new one, whole."""
    aside = aside_of(path)
    remove_if_there(aside)
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.rename(aside, path)
        sync_directory(os.path.dirname(path))
    except OSError as error:
        remove_if_there(aside)
        raise Failed(f"can't write {path}: {error.strerror}") from None


def read_bytes(path):
    """The content of a regular file, or None where there is none."""
    if os.path.islink(path) or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        return file.read()


def owner_ids(owner):
    """(uid, gid) of `user:group`, or None while one of them does not exist."""
    user, group = owner.split(":")
    try:
        return pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def load_json(path, default):
    content = read_bytes(path)
    return default if content is None else json.loads(content)


def native_hash(password):
    inner = hashlib.sha1(password.encode()).digest()
    return "*" + hashlib.sha1(inner).hexdigest().upper()


def explain(failure):
    if isinstance(failure, Failed):
        return str(failure)
    if isinstance(failure, OSError) and failure.strerror:
        return f"{failure.filename or 'the system'}: {failure.strerror}"
    return f"{type(failure).__name__}: {failure}"
