"""A bundle made so, and the way back."""

import os

import baseline
from databases import return_account, settle_databases
from differences import Differences
from facts import as_found, read_sysctl
from former import forget_former, keep_originals, load_former, remember, restore
from packages import APT_DIRECTORY, install
from probes import probe_all
from staging import validate
from state import APPLIED, ROOM, TRANSACTION, applied_bundle
from switch import close_account, make_link, remove_gone, switch_account, switch_directory, switch_file, write_sysctl
from tools import Failed, explain, must, remove_if_there, say, write_file
from units import REDO, UNDO, bring_back, journal_of, let_units_go, settle_units


def make_so(differences, state, wait):
    """Everything but databases and probes: packages, accounts, files, units. Returns what it did."""
    bundle, changes = differences.bundle, differences.changes()
    say(f"record: {len(changes)} changes")
    former = load_former(state)
    if bundle.sha256 != state.applied or differences.lines():
        remember(former, differences)
        baseline.begin(bundle)
    own(differences, state)
    switch_packages(differences, former)
    if differences.files:
        say(f"validate: {len(differences.files)} files")
        validate(bundle, differences)
    for name in differences.accounts:
        say(f"account: {name}")
        switch_account(name, bundle.account[name])
    for path in differences.directories:
        switch_directory(path, bundle.directory[path])
    if differences.files or differences.links:
        say(f"files: switching {len(differences.files) + len(differences.links)}")
    keep_originals([*differences.files, *differences.links], former)
    for path in differences.files:
        switch_file(path, bundle.file[path], differences.rendered[path])
    for path in differences.links:
        make_link(path, bundle.link[path]["target"])
    switch_sysctls(differences, state)
    if differences.gone_units:
        say(f"units: letting go {' '.join(differences.gone_units)}")
        let_units_go(differences.gone_units, state)
    if any(differences.gone.values()):
        say("remove: what is no longer declared")
        remove_gone(differences.gone)
    # Also for a change that an interrupted run has made.
    if os.path.exists(TRANSACTION):
        must("make systemd read its units anew", ["systemctl", "daemon-reload"])
    changes += settle_units(bundle, state, wait)
    for kind in state.owned:
        state.owned[kind] = [name for name in state.owned[kind] if name in bundle.entries[kind]]
    state.save()
    return changes


def own(differences, state):
    """Writes down, before it is done, what will be ours. A directory that others have made stays theirs."""
    bundle = differences.bundle
    for kind in state.owned:
        new = [path for path in differences.directories if not os.path.lexists(path)] if kind == "directory" else bundle.entries[kind]
        state.owned[kind] = sorted({*state.owned[kind], *new})
    for key in differences.sysctls:
        state.sysctls.setdefault(key, read_sysctl(key))
    for name, unit in differences.unit_states.items():
        state.units.setdefault(name, {"found": as_found(unit)})
    state.save()


def switch_packages(differences, former):
    """Installs packages, after the files that say where they come from."""
    if not differences.packages and not differences.unfinished:
        return
    sources = [path for path in differences.files if path.startswith(APT_DIRECTORY)]
    keep_originals(sources, former)
    for path in sources:
        switch_file(path, differences.bundle.file[path], differences.rendered[path])
    install(differences)


def switch_sysctls(differences, state):
    for key in differences.sysctls:
        write_sysctl(key, differences.bundle.sysctl[key]["value"])
    for key in differences.gone_sysctls:
        if state.sysctls[key] is not None:
            write_sysctl(key, state.sysctls[key])
        del state.sysctls[key]


def go_back(former_bundle, state):
    """
    Returns to the state that was before this change, as far as that can be done. Returns what could not; the former
    state is then kept for the next run.
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
    managed = {name: was for name, was in former["units"].items() if former_bundle.unit.get(name, {}).get("state") != "unmanaged"}
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
    attempt(settle_units, former_bundle, state, True)
    attempt(bring_back, managed, REDO)
    for name, described in former["databaseAccounts"].items():
        attempt(return_account, name, described)
    if problems:
        # What could not be removed now is still ours to remove.
        state.owned = owned
    attempt(state.save)
    if not problems:
        baseline.keep(former_bundle)
        forget_former(former)
    return problems


def activate(bundle, state, secrets):
    """Makes a bundle so and asks its probes; goes back to the former state if anything fails. Returns the report."""
    former_bundle = applied_bundle(state)
    differences = Differences(bundle, state, secrets)
    try:
        changes = make_so(differences, state, wait=True)
        if bundle.database or bundle.database_account:
            say("databases")
        changes += settle_databases(bundle, state, secrets)
        say(f"probes: {len(bundle.probe)}")
        failures = probe_all(bundle)
        if failures:
            raise Failed("; ".join(failures))
        say("record: applied")
        former = load_former(state)
        if state.applied != bundle.sha256:
            write_file(APPLIED, bundle.text.encode(), 0o600)
    except Exception as failure:
        report = {"ok": False, "error": explain(failure), "journal": journal_of(list(bundle.unit)), "wentBack": False}
        if former_bundle is not None:
            problems = go_back(former_bundle, state)
            report["wentBack"] = not problems
            if problems:
                report["error"] += f"; going back failed too: {'; '.join(problems)}"
        return report
    baseline.keep(bundle)
    forget_former(former)
    left = [f"package {name}" for name in (former_bundle.packages if former_bundle else []) if name not in bundle.packages]
    return {"ok": True, "changes": changes, "left": left}
