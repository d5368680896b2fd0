"""The way back to the state before a change."""

import os

import baseline
from databases import return_accounts
from former import forget_former, load_former, restore
from guard import begin_undoing, disarm
from packages import return_versions
from state import ROOM
from switch import close_account, switch_account, write_sysctl
from tools import explain, must, remove_if_there, say
from units import REDO, REDO_FILE, UNDO, UNDO_FILE, bring_back, settle_each


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
    attempt(begin_undoing)
    late = try_versions(former["packages"])
    managed, unmanaged = units_of(former, former_bundle)
    # Their own files go last of all: one of these units may run us, and shall do so at the next boot if we are cut off.
    paths = former["paths"]
    last = {path: was for path, was in paths.items() if os.path.basename(path) in unmanaged}
    attempt(bring_back, managed, UNDO, attempt)
    return_paths({path: was for path, was in paths.items() if path not in last}, attempt)
    for key, value in former["sysctls"].items():
        if value is not None:
            attempt(write_sysctl, key, value)
    for name, described in former["accounts"].items():
        attempt(*((close_account, name) if described is None else (switch_account, name, described)))
    attempt(read_units_anew)
    units = former["state"]["units"]
    # What can't be removed now is still ours to remove.
    state.take({**former["state"], "owned": state.owned, "units": {name: state.units.get(name, units[name]) for name in units}})
    return_units(managed, former, former_bundle, state, late, attempt)
    if former["databaseAccounts"]:
        attempt(return_accounts, former["databaseAccounts"], attempt)
    if unmanaged:
        attempt(bring_back, unmanaged, UNDO_FILE, attempt)
        return_paths(last, attempt)
        attempt(read_units_anew)
        attempt(bring_back, unmanaged, REDO_FILE, attempt)
    if not problems:
        state.owned = former["state"]["owned"]
    attempt(state.save)
    if former_bundle and not problems:
        attempt(baseline.keep, former_bundle)
    if not problems:
        disarm()
        forget_former(former)
    return problems


def try_versions(packages):
    """Returns those of the packages whose versions have to wait until the network is back."""
    try:
        return_versions(packages)
        return {}
    except Exception as problem:
        say(f"packages: once more when the network is as it was: {explain(problem)}")
        return packages


def units_of(former, former_bundle):
    """
    (managed, unmanaged): the units of this change as they were, guarded ones first. Unmanaged are those of which the
    change's bundle alone says so; what already was unmanaged before it is the former bundle's affair.
    """
    declared, units = former_bundle.unit if former_bundle else {}, former["units"]
    unmanaged = {name: was for name, was in units.items() if name in former["unmanaged"] and name not in declared}
    managed = [name for name in units if name not in unmanaged and declared.get(name, {}).get("state") != "unmanaged"]
    managed.sort(key=lambda name: name not in former["guarded"])
    # What was started anew with this change's files is to run with the former ones; of declared units their inputs tell.
    return {name: {**units[name], "acted": None if name in declared else former["acted"].get(name)} for name in managed}, unmanaged


def return_paths(paths, attempt):
    for path in sorted(paths):
        if paths[path] is not None:
            attempt(restore, path, paths[path])
    for path in sorted(paths, reverse=True):
        if paths[path] is None:
            attempt(restore, path, None)


def read_units_anew():
    must("make systemd read its units anew", ["systemctl", "daemon-reload"])


def return_units(managed, former, former_bundle, state, late, attempt):
    """
    The units as they were: first those that administrators come in by, whatever the others do. Packages that were `late`
    come between, and may concern any of them.
    """
    declared = former_bundle.unit if former_bundle else {}
    names = [*managed, *(name for name in declared if name not in managed)]
    guarded = [name for name in names if name in former["guarded"] or declared.get(name, {}).get("confirm") == "yes"]
    others = [name for name in names if name not in guarded]
    return_some(guarded, managed, former_bundle, state, attempt)
    if late:
        attempt(return_versions, late)
        others = names
    return_some(others, managed, former_bundle, state, attempt)


def return_some(names, managed, former_bundle, state, attempt):
    if former_bundle:
        attempt(settle_each, names, former_bundle, state, attempt)
    attempt(bring_back, {name: managed[name] for name in names if name in managed}, REDO, attempt)
