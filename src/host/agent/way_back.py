"""The way back to the state before a change."""

import baseline
from databases import return_account
from former import forget_former, load_former, restore
from guard import disarm
from packages import return_versions
from state import ROOM
from switch import close_account, switch_account, write_sysctl
from tools import explain, must, remove_if_there, say
from units import REDO, UNDO, bring_back, settle_units


def go_back(former_bundle, state):
    """
    Returns to the state that was before this change, as far as that can be done. Returns what could not; the former
    state is then kept for the next run. `former_bundle` is None on a host that had a life before the farm.
    """
    say("going back to the former state")
    former, problems = load_former(state), []

    def attempt(step, *arguments):
        try:
            step(*arguments)
        except Exception as problem:
            problems.append(explain(problem))

    remove_if_there(ROOM)
    # Whether an unmanaged unit runs is nobody's business now either: it may be at work by its timer.
    declared = former_bundle.unit if former_bundle else {}
    managed = {name: was for name, was in former["units"].items() if declared.get(name, {}).get("state") != "unmanaged"}
    attempt(return_versions, former["packages"])
    attempt(bring_back, managed, UNDO)
    for path in sorted(former["paths"]):
        if former["paths"][path] is not None:
            attempt(restore, path, former["paths"][path])
    for path in sorted(former["paths"], reverse=True):
        if former["paths"][path] is None:
            attempt(restore, path, None)
    for key, value in former["sysctls"].items():
        if value is not None:
            attempt(write_sysctl, key, value)
    for name, described in former["accounts"].items():
        attempt(*((close_account, name) if described is None else (switch_account, name, described)))
    attempt(must, "make systemd read its units anew", ["systemctl", "daemon-reload"])
    units, owned = former["state"]["units"], state.owned
    state.take({**former["state"], "units": {name: state.units.get(name, units[name]) for name in units}})
    if former_bundle:
        attempt(settle_units, former_bundle, state, True)
    attempt(bring_back, managed, REDO)
    for name, described in former["databaseAccounts"].items():
        attempt(return_account, name, described)
    if problems:
        # What could not be removed now is still ours to remove.
        state.owned = owned
    attempt(state.save)
    if former_bundle and not problems:
        attempt(baseline.keep, former_bundle)
    if not problems:
        disarm()
        forget_former(former)
    return problems
