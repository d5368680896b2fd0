"""
What no bundle declares, as it was found when the first change was done: the baseline, against which drift is told.

Later changes move it only by what they have done themselves, such as a package that brings an account. What somebody
adds by hand stays drift, however many changes come after it, until it is declared or removed.
"""

import json
import os

from state import HOME, TRANSACTION
from tools import load_json, read_bytes, write_file
from undeclared import snapshot

BASELINE = f"{HOME}/baseline.json"
# The baseline and a snapshot from before the change that is under way.
BEFORE = f"{TRANSACTION}/undeclared.json"


def begin(bundle):
    """To be called before the first thing of a change is done, with the transaction open. An earlier memory stays."""
    old = load_json(BASELINE, None)
    if old is not None and not os.path.exists(BEFORE):
        write(BEFORE, {"baseline": old, "found": snapshot(bundle)})


def keep(bundle):
    """
    To be called when a change is done, or undone, and before its transaction is forgotten: as often as one likes, the
    end of it counts. Where nothing was begun nothing has changed.
    """
    before = load_json(BEFORE, None)
    if before is not None:
        write(BASELINE, moved(before["baseline"], before["found"], snapshot(bundle)))
    elif not os.path.exists(BASELINE):
        write(BASELINE, snapshot(bundle))


def write(path, content):
    text = json.dumps(content, sort_keys=True).encode()
    if read_bytes(path) != text:
        write_file(path, text, 0o600)


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
