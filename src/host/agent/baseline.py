"""
What no bundle declares, as it was found when the first change was done: the baseline, against which drift is told.

Later changes move it only by what they have done themselves, such as a package that brings an account. What somebody
adds by hand stays drift, however many changes come after it, until it is declared or removed.
"""

import json
import os

from state import HOME, TRANSACTION
from tools import load_json, write_file
from undeclared import snapshot

BASELINE = f"{HOME}/baseline.json"
BEFORE = f"{TRANSACTION}/undeclared.json"


def begin(bundle):
    """To be called before the first thing of a change is done, with the transaction open. An earlier memory stays."""
    if os.path.exists(BASELINE) and not os.path.exists(BEFORE):
        write_file(BEFORE, json.dumps(snapshot(bundle)).encode(), 0o600)


def keep(bundle):
    """
    To be called when a change is done, or undone, and before its transaction is forgotten. Where nothing was begun
    nothing has changed. Interrupted, it may be called again.
    """
    old, before = load_json(BASELINE, None), load_json(BEFORE, None)
    if old is None:
        write_file(BASELINE, json.dumps(snapshot(bundle)).encode(), 0o600)
    elif before is not None:
        write_file(BASELINE, json.dumps(moved(old, before, snapshot(bundle))).encode(), 0o600)


def moved(old, before, after):
    """The old baseline with what differs between `before` and `after`, and what nobody looked at until now."""
    new = {"watched": after["watched"]}
    unseen = {*after["watched"]} - {*old["watched"]}
    for kind in after.keys() - {"watched"}:
        new[kind] = {}
        for name in {*old[kind], *after[kind]}:
            changed = before[kind].get(name) != after[kind].get(name)
            values = after[kind] if changed or any(f"{name}/".startswith(f"{place}/") for place in unseen) else old[kind]
            if name in values:
                new[kind][name] = values[name]
    return new
