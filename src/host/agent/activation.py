"""A bundle made so."""

import functools
import os

import baseline
import guard
import history
from databases import settle_databases
from differences import Differences
from facts import as_found, unit_states
from former import forget_former, keep_originals, know_read, load_former, remember, remember_acted
from host_secrets import forget_former_secrets
from packages import APT_DIRECTORY, install
from probes import Unhealthy, ask_gates, begun, probe_all
from staging import validate
from state import APPLIED, FRESH, applied_bundle
from switch import make_link, remove_gone, switch_account, switch_directory, switch_file, write_sysctl
from tools import explain, must, remove_if_there, say, write_file
from units import journal_of, let_units_go, settle_units
from way_back import go_back

def make_so(differences, state, wait, before_switching=lambda: None):
    """
    Everything but databases and probes: packages, accounts, files, units. Returns what it did. `before_switching` is
    called when all that can be found wrong beforehand has been looked for.
    """
    bundle, changes = differences.bundle, differences.changes()
    say(f"record: {len(changes)} changes")
    former = load_former(state)
    if bundle.sha256 != state.applied or differences.lines():
        remember(former, differences)
        baseline.begin(bundle)
    own(differences, state, former)
    switch_packages(differences, former)
    if differences.files:
        say(f"validate: {len(differences.files)} files")
        validate(bundle, differences)
    before_switching()
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
    # Also for a change that an interrupted run has made. What packages bring, they tell systemd themselves.
    if former["unread"]:
        must("make systemd read its units anew", ["systemctl", "daemon-reload"])
        know_read(former)
    # Not asked before the mesh and the packet filter are as they are to be: they come first.
    only_begun = functools.cache(lambda: begun(bundle))
    waits = lambda role: wait and not (role and role in only_begun())
    changes += settle_units(bundle, state, waits, lambda verb, names: remember_acted(former, verb, names))
    for kind in state.owned:
        state.owned[kind] = [name for name in state.owned[kind] if name in bundle.entries[kind]]
    state.save()
    return changes


def own(differences, state, former):
    """
    Writes down, before it is done, what will be ours, and how it was before the change, also where an interrupted run
    has been at it. A directory that others have made stays theirs.
    """
    bundle, ours = differences.bundle, former["state"]
    for kind in state.owned:
        new = [path for path in differences.directories if not os.path.lexists(path)] if kind == "directory" else bundle.entries[kind]
        state.owned[kind] = sorted({*state.owned[kind], *new})
    for key in differences.sysctls:
        state.sysctls.setdefault(key, ours["sysctls"].get(key, former["sysctls"][key]))
    for name, unit in differences.unit_states.items():
        found = ours["units"][name]["found"] if name in ours["units"] else former["units"].get(name)
        state.units.setdefault(name, {"found": found or as_found(unit)})
    state.save()


def switch_packages(differences, former):
    """Installs packages, after the files that say where they come from."""
    if not differences.packages and not differences.versions and not differences.unfinished:
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


def activate(bundle, state, secrets, commit, kind="applied"):
    """
    Makes a bundle so and asks its probes; goes back to the former state if anything fails. Returns the report, with
    `unconfirmed`, in seconds, and `armed`, when that began, if the change has yet to be confirmed over a new connection. The history will call it
    `kind`, and made by `commit`.
    """
    former_bundle = applied_bundle(state)
    differences = Differences(bundle, state, secrets)
    # The gates of what runs now: those of the new bundle may need what it brings.
    if former_bundle is not None and differences.lines():
        ask_gates(former_bundle)
    # A machine made for the farm has nothing to go back to before its first activation.
    may_return = former_bundle is not None or state.adopted
    guarded = may_return and bool(guard.waiting() or guard.exposed(differences, former_bundle))
    entry = history.begin(kind, bundle, commit, differences.lines())
    try:
        changes = make_so(differences, state, wait=True, before_switching=lambda: guarded and guard.arm(bundle, None, entry))
        only_begun = begun(bundle)
        for role, why in only_begun.items():
            say(f"only begun: {role}: {why}")
        if bundle.database or bundle.database_account:
            say("databases")
        changes += settle_databases(bundle, state, secrets, only_begun)
        say(f"probes: {len(bundle.probe)}")
        failures = probe_all(bundle, without=only_begun)
        if failures:
            raise Unhealthy(failures)
        left = [f"package {name}" for name in (former_bundle.packages if former_bundle else []) if name not in bundle.packages]
        report, entry = {"changes": changes, "left": left}, history.with_changes(entry, changes)
        if guarded:
            say(f"waiting for the confirmation over a new connection; without one the change is undone in {guard.CONFIRM_WITHIN} s")
            armed = guard.arm(bundle, report, entry)
            return {"ok": True, **report, "unconfirmed": guard.CONFIRM_WITHIN, "armed": armed}
        finish(bundle, state, entry)
        return {"ok": True, **report}
    except Exception as failure:
        told = {"ok": False, "error": explain(failure), "changes": differences.lines(), "wentBack": False,
                "journal": journal_of(suspects(bundle, differences, failure))}
        if may_return:
            problems = go_back(former_bundle, state)
            told["wentBack"] = not problems
            if problems:
                told["error"] += f"; going back failed too: {'; '.join(problems)}"
        history.record(entry, "went back" if told["wentBack"] else "failed", told["error"])
        return told


def finish(bundle, state, entry):
    """The change is done: from here on this bundle is what the host goes back to. `entry` is for the history."""
    say("record: applied")
    former = load_former(state)
    baseline.keep(bundle)
    # A bundle that is there already, and had nothing to change, is no event.
    if entry["changes"] or state.applied != bundle.sha256:
        history.intend(bundle, entry)
    if state.applied != bundle.sha256:
        write_file(APPLIED, bundle.text.encode(), 0o600)
    history.settle()
    if guard.waiting():
        guard.disarm()
    forget_former(former)
    forget_former_secrets()
    remove_if_there(FRESH)


def suspects(bundle, differences, failure):
    """
    The units whose journal most likely says why: failed ones, those of the roles that complain, those that the failure names,
    else those acted upon.
    """
    failed = {name for name, unit in unit_states(list(bundle.unit)).items() if unit["ActiveState"] == "failed"}
    roles = getattr(failure, "roles", set())
    complaining = {name for name, unit in bundle.unit.items() if unit["role"] in roles and unit["state"] != "masked"}
    return sorted({*failed, *complaining, *getattr(failure, "units", ())}) or [name for name, _ in differences.unit_actions_ahead()]
