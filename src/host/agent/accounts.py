"""The accounts of this host, and what changed of them."""

import hashlib
import os

from finding import finding

CLOSED_SHELLS = ("nologin", "false", "sync", "shutdown", "halt")
# Debian Policy 9.2.2: from here on accounts are people's.
FIRST_PERSON = 1000
# What is told of an account that has changed, and of a new one.
TOLD = ("uid", "shell", "home", "groups", "password", "expires")
NEW = ("uid", "shell", "groups", "password")
# passwd(5), shadow(5), group(5).
FIELDS = {"passwd": 7, "shadow": 9, "group": 4}


def accounts():
    """All accounts by name, from this host's own files. Of a password only its kind, and by a hash of its hash which one."""
    shadow = {row[0]: row for row in rows("shadow")}
    groups = rows("group")
    found = {}
    for name, _, uid, _, _, home, shell in (row for row in rows("passwd") if row[2].isdigit()):
        _, password, *_, expires, _ = shadow.get(name, [name, "*", *[""] * 7])
        found[name] = {"uid": uid, "home": home, "shell": shell, "expires": expires, **password_of(password),
                       "groups": " ".join(sorted(group[0] for group in groups if name in group[3].split(",")))}
    return found


def rows(kind):
    """The rows of a file that have the right number of fields: the system passes over others too."""
    with open(f"/etc/{kind}", encoding="utf-8", errors="replace") as file:
        return [row for row in (line.rstrip("\n").split(":") for line in file) if len(row) == FIELDS[kind]]


def password_of(field):
    kind = "empty" if field == "" else "locked" if field[0] in "!*" else "set"
    return {"password": kind, "which": hashlib.sha256(field.encode()).hexdigest()[:12] if kind == "set" else ""}


def may_log_in(account):
    """Whether an account is a person's, or somebody could use it like one."""
    return int(account["uid"]) == 0 or int(account["uid"]) >= FIRST_PERSON or \
        os.path.basename(account["shell"]) not in CLOSED_SHELLS


def account_drift(differences, before, now):
    """Findings from two answers of `accounts`. Declared accounts are compared with the bundle too."""
    found, declared = [], differences.bundle.account
    for name in sorted({*before, *now, *declared}):
        was, account = before.get(name), now.get(name)
        if account is None:
            if name in declared or may_log_in(was):
                found.append(finding("account", name, "is removed"))
            continue
        if was is None:
            if name not in declared and may_log_in(account):
                found.append(finding("account", name, "is new: " + ", ".join(f"{key} {account[key]}" for key in NEW if account[key])))
            continue
        changes = [f"{key} {was[key] or 'none'} → {account[key] or 'none'}" for key in TOLD if was[key] != account[key]]
        if was["which"] != account["which"] and was["password"] == account["password"]:
            changes.append("password changed")
        if changes or name in differences.accounts:
            found.append(finding("account", name, ", ".join(changes) or "is not as declared"))
    return found
