"""Whether this host does what it is for."""

import time

from facts import unit_states
from tools import Failed, POLL, Refused, last_lines, run
from units import unit_limit


class Unhealthy(Failed):
    """The host does not do what it is for. `roles` are those that say so."""

    def __init__(self, failures):
        super().__init__("; ".join(text for text, _ in failures))
        self.roles = {role for _, role in failures}


def ask(kind, name, command, within, limit):
    """Polls one probe or gate until it says yes or its time is over. Returns None, or why it says no."""
    end = time.monotonic() + min(within, limit)
    while True:
        code, output = run(["/bin/sh", "-c", command], limit=max(10, min(30, end - time.monotonic())))
        if code == 0:
            return None
        if time.monotonic() >= end:
            return f"{kind} \"{name}\" says no after {min(within, limit):g} s (exit {code}): {last_lines(output, 4)}"
        time.sleep(POLL)


def units_running(bundle, limit, without):
    """Waits until all units that shall run do; one that failed for good ends the wait. Returns those that do not, as probe_all."""
    wanted = [name for name, unit in bundle.unit.items() if unit["state"] == "running" and unit["role"] not in without]
    began, end = time.monotonic(), None
    while True:
        states = unit_states(wanted)
        waiting = {name: state["SubState"] for name, state in states.items() if state["ActiveState"] not in ("active", "reloading", "refreshing")}
        failed = [name for name in waiting if states[name]["ActiveState"] in ("failed", "inactive")]
        if not waiting:
            return []
        end = end or began + min(limit, unit_limit(list(waiting)))
        if failed or time.monotonic() >= end:
            return [(f"unit {name} is {sub}", bundle.unit[name]["role"]) for name, sub in waiting.items()]
        time.sleep(POLL)


def begun(bundle):
    """By role that can only be begun here until hosts are there which are changed later (see `founding` of a bundle): who is waited for."""
    # The roles of one cluster have one command.
    commands = {entry["command"] for entry in bundle.founding.values()}
    asked = {command: run(["/bin/sh", "-c", command], limit=30) for command in commands}
    answers = {role: asked[entry["command"]] for role, entry in bundle.founding.items()}
    return {role: last_lines(output, 1) for role, (code, output) in answers.items() if code == 0}


def probe_all(bundle, limit=float("inf"), without=()):
    """
    Asks all probes side by side, and whether all units run, but for those of the roles `without`. Returns what says no as
    (text, role). `limit` in seconds.
    """
    from concurrent.futures import ThreadPoolExecutor
    probes = {name: probe for name, probe in bundle.probe.items() if probe["role"] not in without}
    with ThreadPoolExecutor(max_workers=len(probes) + 1) as pool:
        answers = {name: pool.submit(ask, "probe", name, *question(probe), limit) for name, probe in probes.items()}
    # The units last: one that starts and dies at once is seen dead by then.
    refusals = [(answer.result(), probes[name]["role"]) for name, answer in answers.items()]
    return units_running(bundle, limit, without) + [(why, role) for why, role in refusals if why]


def question(entry):
    return entry["command"], float(entry["within"].split()[0])


def ask_gates(bundle):
    """Asks whether this host may be in change now; raises Refused, with nothing touched, when a gate says no."""
    for name, gate in bundle.gate.items():
        why = ask("gate", name, *question(gate), float("inf"))
        if why:
            raise Refused(f"this host can't be changed now: {why}")
