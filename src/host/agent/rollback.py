"""A bundle of the history's, made so again."""

import history
from activation import activate
from ahead import look_ahead
from bundle import Bundle
from differences import Differences
from host_secrets import load_secrets, refuse_other_generations
from state import State, applied_bundle
from tools import read_bytes


def rollback(name, check):
    """
    Activates the bundle of that number or hash, with the present values of its secrets; with `check` only says what that
    would change. Raises Refused when there is no such bundle, or when it is from before a secret was raised.
    """
    state = State()
    choice, present = history.choose(name, state.applied), applied_bundle(state)
    bundle = Bundle(read_bytes(history.bundle_file(choice["sha256"])).decode())
    refuse_other_generations(bundle)
    secrets = load_secrets(bundle)
    if check:
        differences = Differences(bundle, state, secrets)
        return {"ok": True, **choice, "differences": differences.lines(), "diff": differences.diff(present)}
    look_ahead(bundle, state, secrets)
    return {**choice, **activate(bundle, state, secrets, choice["commit"], "rolled back")}
