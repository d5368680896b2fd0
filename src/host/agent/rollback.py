"""A bundle of the history's, made so again."""

import history
from activation import activate
from ahead import look_ahead
from bundle import Bundle
from differences import Differences
from state import State, applied_bundle, load_secrets
from tools import Refused, read_bytes


def rollback(name, check):
    """
    Activates the bundle of that number or hash, with the present values of its secrets; with `check` only says what that
    would change. Raises Refused when there is no such bundle, or when it is from before a secret was raised.
    """
    state, secrets = State(), load_secrets()
    choice, present = history.choose(name, state.applied), applied_bundle(state)
    bundle = Bundle(read_bytes(history.bundle_file(choice["sha256"])).decode())
    refuse_former_secrets(bundle, present)
    if check:
        differences = Differences(bundle, state, secrets)
        return {"ok": True, **choice, "differences": differences.lines(), "diff": differences.diff(present)}
    look_ahead(bundle, state, secrets)
    return {**choice, **activate(bundle, state, secrets, choice["commit"], "rolled back")}


def refuse_former_secrets(bundle, present):
    """The host has only the present values, and what was given up may be known to others."""
    for secret, described in bundle.secret.items():
        was, now = int(described["generation"]), int(present.secret.get(secret, described)["generation"])
        if was < now:
            raise Refused(f"that bundle is from before {secret} was raised from generation {was} to {now}, and what was given up does not come back")
