"""systemd's units brought into their states."""

import itertools
import os
import re

from differences import founding_role, unit_actions
from facts import as_found, unit_inputs, unit_states
from tools import last_lines, must, read_bytes, run, say

# systemd goes by a unit and not by the script of its name in /etc/init.d, whose links would cost four reloads a unit.
NATIVE = {**os.environ, "SYSTEMCTL_SKIP_SYSV": "1"}

STARTING = ("start", "restart", "reload")

# Seconds. systemd's own default for a start and for a stop, for what has no such setting (a timer, say).
USUAL = 90
# What has no end, as the start of a oneshot by default, has one all the same; those that need longer say how long.
ENDLESS = 180
# For what systemd does besides, such as starting what a unit needs.
MARGIN = 30
# More nobody gets: whoever waits for a run to end has to know how long that is.
LONGEST = 3600
# As systemd writes spans of time: systemd.time(7).
SPANS = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800, "month": 2629800, "y": 31557600}


def seconds(span):
    """A span of time in systemd's words, such as `1min 30s`, in seconds."""
    if span == "infinity":
        return ENDLESS
    return sum(float(number) * SPANS[unit] for number, unit in re.findall(r"([\d.]+)([a-z]+)", span))


def unit_limit(names):
    """Seconds that the slowest of some units may take for a stop and a start or reload, as their own settings say."""
    told = must("ask systemd how long its units may take", ["systemctl", "show", "--property=TimeoutStartUSec,TimeoutStopUSec", "--", *names])
    start, stop = (max([USUAL, *map(seconds, re.findall(rf"^Timeout{end}USec=(.+)$", told, re.M))]) for end in ("Start", "Stop"))
    return min(round(start + stop) + MARGIN, LONGEST)


def settle_units(bundle, state, wait, note):
    """
    Brings the bundle's units into their states. `wait`: by role, whether to wait until its units have done what they were told;
    asked when it is their turn. `note` is called with a verb and units before these are started, restarted or reloaded.
    """
    actions = unit_actions(bundle, state, unit_states(list(bundle.unit)))
    alike = lambda action: (bundle.unit[action[0]]["confirm"], action[1], founding_role(bundle, action[0]))
    for (_, verb, role), group in itertools.groupby(actions, key=alike):
        names = [name for name, _ in group]
        if verb in STARTING:
            note(verb, names)
        tell_units(verb, names, bundle, state, wait(role))
    know_others(bundle.unit, state, actions)
    if actions:
        state.save()
    return [f"unit {name}: {verb}" for name, verb in actions]


def settle_each(names, bundle, state, attempt):
    """Brings those of the bundle's units into their states as far as that can be done: each step is an `attempt`."""
    actions = [action for action in unit_actions(bundle, state, unit_states(list(bundle.unit))) if action[0] in names]
    for name, verb in actions:
        attempt(tell_units, verb, [name], bundle, state, True)
    know_others({name: bundle.unit[name] for name in names if name in bundle.unit}, state, actions)


def tell_units(verb, names, bundle, state, wait):
    """Tells units of the bundle one thing, and notes what they run with then."""
    say(f"units: {verb} {' '.join(names)}")
    starting = verb in STARTING
    options = ["--now"] if verb == "mask" else []
    if starting:
        options = [] if wait else ["--no-block"]
        run(["systemctl", "reset-failed", "--", *names])
        # Forget what a unit runs with, so that one whose start is interrupted is started anew.
        for name in names:
            for key in ("reload",) if verb == "reload" else ("restart", "reload"):
                state.units[name].pop(key, None)
        state.save()
    must(f"{verb} {' '.join(names)}", ["systemctl", *options, verb, "--", *names], limit=unit_limit(names), env=NATIVE)
    if starting:
        for name in names:
            state.units[name].update(unit_inputs(bundle.unit[name]))


def know_others(units, state, actions):
    """What runs, and had not to be told anything, runs with what is there now."""
    told = {name for name, verb in actions if verb in STARTING}
    for name, unit in units.items():
        if unit["state"] == "running" and name not in told and "restart" not in state.units[name]:
            state.units[name].update(unit_inputs(unit))


def at_once(step, *arguments):
    step(*arguments)


def bring_back(found, verbs, attempt=at_once):
    """
    Of what tells units from how they were found, that part which `verbs` undo, each step as an `attempt`. Units that ran
    then and run now may be `acted` upon once more: by that verb, if it is one of `verbs`.
    """
    for name, present in unit_states(list(found)).items():
        was, now = found[name], as_found(present)
        acted = was.get("acted") if was["active"] and now["active"] else None
        wanted = {
            "disable": now["file"] == "enabled" and was["file"] != "enabled",
            "unmask": now["file"] == "masked" and was["file"] != "masked",
            "stop": now["active"] and not was["active"] and not runs_us(name),
            "reset-failed": present["ActiveState"] == "failed",
            "enable": was["file"] == "enabled" and now["file"] != "enabled",
            "mask": was["file"] == "masked" and now["file"] != "masked",
            "start": was["active"] and not now["active"],
            "restart": acted == "restart",
            "reload": acted == "reload",
        }
        for verb in verbs:
            if wanted[verb]:
                attempt(tell, verb, name)


def tell(verb, name):
    must(f"{verb} {name}", ["systemctl", verb, "--", name], limit=unit_limit([name]), env=NATIVE)


def runs_us(name):
    """Whether this very process belongs to a unit: stopping that would end us half-way."""
    return name in read_bytes("/proc/self/cgroup").decode().strip().split("/")


# What we have done to a unit is undone while its files are still there, what was undone is done again with its own files.
UNDO = ("disable", "unmask", "stop", "reset-failed")
REDO = ("mask", "enable", "start", "restart", "reload")
# The same of units whose running is nobody's business.
UNDO_FILE = ("disable", "unmask")
REDO_FILE = ("mask", "enable")


def let_units_go(names, state):
    """Units that are no longer declared: what we started, enabled or masked goes back, what ran before us stays."""
    bring_back({name: state.units[name]["found"] for name in names}, UNDO)
    for name in names:
        del state.units[name]
    if names:
        state.save()


def journal_of(units):
    """The last lines of the journal of units, under their names; empty when there are none."""
    options = [option for unit in units for option in ("--unit", unit)]
    lines = last_lines(run(["journalctl", "--no-pager", "--lines=15", "--output=short", *options])[1], 15) if units else ""
    return f"journal of {', '.join(units)}:\n{lines}" if lines else ""
