"""What the agent keeps on this host between its runs, all of it for root alone."""

import hashlib
import json

from bundle import Bundle, PLACEHOLDER
from tools import Refused, load_json, read_bytes, write_file

HOME = "/var/lib/farm"
SECRETS = f"{HOME}/secrets.json"
STATE = f"{HOME}/state.json"
APPLIED = f"{HOME}/applied.bundle"
STAGED = f"{HOME}/staged"
TRANSACTION = f"{HOME}/transaction"
FORMER = f"{TRANSACTION}/former.json"
ROOM = f"{TRANSACTION}/room"
# A change that is made and waits for its confirmation: what and since when, and its bundle.
CONFIRMATION = f"{TRANSACTION}/confirmation.json"
WAITING = f"{TRANSACTION}/waiting.bundle"
# Whoever makes a machine for the farm leaves this mark: there is nothing of anybody's on it.
FRESH = f"{HOME}/fresh"
REPLACED = f"{HOME}/replaced"
# What was done when and by whom; the entry of a change that is just being done; bundles by their hash.
HISTORY = f"{HOME}/history.jsonl"
UNWRITTEN = f"{HOME}/history.unwritten"
BUNDLES = f"{HOME}/bundles"
LOCK = "/run/farm-agent.lock"


class State:
    """
    What the agent remembers of this host. `save` before and after each thing that an interruption must not forget.
    The bundle that was activated last is a file of its own: its renaming into place is the moment a change is done.
    """

    def __init__(self):
        self.bundle_text = read_bytes(APPLIED)
        self.applied = hashlib.sha256(self.bundle_text).hexdigest() if self.bundle_text is not None else None
        self.take(load_json(STATE, {}))

    def take(self, stored):
        self.owned = {kind: stored.get("owned", {}).get(kind, []) for kind in ("file", "link", "directory", "account")}
        # By name: as it was `found`, and by hash what it was last (re)started and reloaded with.
        self.units = stored.get("units", {})
        # Values that we have replaced.
        self.sysctls = stored.get("sysctls", {})
        # By name: the database software. As agents kept them that knew of MariaDB alone, a list of names.
        made = stored.get("databaseAccounts", {})
        self.accounts_made = made if isinstance(made, dict) else dict.fromkeys(made, "mariadb")
        # By secret: the generation whose predecessors nobody takes any more.
        self.retired = stored.get("retired", {})
        # Whether this host had a life before the farm, and an administrator has said that it may be taken over.
        self.adopted = stored.get("adopted", False)

    def give(self):
        return {"owned": self.owned, "units": self.units, "sysctls": self.sysctls, "databaseAccounts": self.accounts_made,
                "retired": self.retired, "adopted": self.adopted}

    def save(self):
        text = json.dumps(self.give(), indent=1).encode()
        if read_bytes(STATE) != text:
            write_file(STATE, text, 0o600)


def applied_bundle(state):
    """The bundle that was activated last, or None on a host that never saw one through."""
    return Bundle(state.bundle_text.decode()) if state.applied else None


def render(text, secrets):
    def value(match):
        if match[1] not in secrets:
            raise Refused(f"the bundle needs the secret {match[1]}, which this host was not given: send secrets first")
        return secrets[match[1]]
    return PLACEHOLDER.sub(value, text)

