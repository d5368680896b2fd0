"""Whether this host does what it is for."""

import time

from facts import unit_states
from tools import POLL, last_lines, run
from units import UNIT_LIMIT


def ask(name, command, within, limit):
    """Polls one probe until it says yes or its time is over. Returns None, or why it says no."""
    end = time.monotonic() + min(within, limit)
    while True:
        code, output = run(["/bin/sh", "-c", command], limit=max(10, min(30, end - time.monotonic())))
        if code == 0:
            return None
        if time.monotonic() >= end:
            return f"probe \"{name}\" says no after {min(within, limit):g} s (exit {code}): {last_lines(output, 4)}"
        time.sleep(POLL)


def units_running(bundle, limit):
    """Waits until all units that shall run do; a unit that failed for good ends the wait."""
    wanted = [name for name, unit in bundle.unit.items() if unit["state"] == "running"]
    end = time.monotonic() + min(limit, UNIT_LIMIT)
    while True:
        states = unit_states(wanted)
        waiting = {name: state["SubState"] for name, state in states.items() if state["ActiveState"] not in ("active", "reloading", "refreshing")}
        failed = [name for name in waiting if states[name]["ActiveState"] in ("failed", "inactive")]
        if not waiting:
            return []
        if failed or time.monotonic() >= end:
            return [f"unit {name} is {sub}" for name, sub in waiting.items()]
        time.sleep(POLL)


def probe_all(bundle, limit=float("inf")):
    """Asks all probes side by side, and whether all units run. Returns what says no. `limit` in seconds."""
    from concurrent.futures import ThreadPoolExecutor
    probes = [(name, probe["command"], float(probe["within"].split()[0])) for name, probe in bundle.probe.items()]
    with ThreadPoolExecutor(max_workers=len(probes) + 1) as pool:
        answers = [pool.submit(ask, *probe, limit) for probe in probes]
    # The units last: one that starts and dies at once is seen dead by then.
    return units_running(bundle, limit) + [why for why in (answer.result() for answer in answers) if why]
