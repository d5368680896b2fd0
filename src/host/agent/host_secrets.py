"""
The secrets that this host was given. They come before the bundle that goes with them, and a run may end in between: so
the values that the applied bundle names are kept beside newer ones until the next bundle is applied.
"""

import json
import os
import sys

from state import SECRETS, State, applied_bundle
from tools import Refused, know_secrets, load_json, write_file


def stored():
    """
    `values` and, as far as they were told, `generations` by name, as given last; `former` by name [generation, value] of
    what the applied bundle needs and was not given again.
    """
    found = load_json(SECRETS, {})
    # As agents kept them that knew nothing of generations.
    return found if isinstance(found.get("values"), dict) else {"values": found, "generations": {}, "former": {}}


def take_secrets(_):
    """Keeps what this host may know. Names are told, values never."""
    try:
        message = json.load(sys.stdin)
        host, values = message["host"], {name: value + "" for name, value in message["secrets"].items()}
        generations = {name: int(generation) for name, generation in message["generations"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused("secrets come as JSON on stdin: {\"host\": NAME, \"secrets\": {NAME: VALUE}, \"generations\": {NAME: NUMBER}}") from None
    if host != os.uname().nodename:
        raise Refused(f"these secrets are for {host}, this host is {os.uname().nodename}")
    before, applied = stored(), generations_of(applied_bundle(State()))
    for name, generation in generations.items():
        if generation < applied.get(name, 0):
            raise Refused(f"generation {generation} of {name} was given up, this host has {applied[name]}: write {applied[name]} or more into generations")
    former = {name: kept for name, generation in applied.items()
              if (kept := value_of(before, name, generation)) and (name not in values or generations.get(name, generation) != generation)}
    changed = keep({"values": values, "generations": generations, "former": former})
    know_secrets(values)
    return {"ok": True, "changed": changed, "secrets": sorted(values)}


def generations_of(bundle):
    return {name: int(secret["generation"]) for name, secret in bundle.secret.items()} if bundle else {}


def value_of(kept, name, generation):
    """[generation, value] of a secret as it was in that generation, or None."""
    if kept["former"].get(name, [None])[0] == generation:
        return kept["former"][name]
    if name in kept["values"] and kept["generations"].get(name, generation) == generation:
        return [generation, kept["values"][name]]
    return None


def keep(what):
    """Returns whether that changes anything."""
    if load_json(SECRETS, None) == what:
        return False
    write_file(SECRETS, json.dumps(what).encode(), 0o600)
    return True


def load_secrets(bundle=None):
    """Values by name: those that a bundle names, in its generation, and else those given last."""
    kept = stored()
    know_secrets({name: value for name, (_, value) in kept["former"].items()})
    wanted = {name: value_of(kept, name, generation) for name, generation in generations_of(bundle).items()}
    return know_secrets({**kept["values"], **{name: found[1] for name, found in wanted.items() if found}})


def forget_former_secrets():
    """The bundle that is applied now goes with the secrets that were given last."""
    kept = stored()
    if kept["former"]:
        keep({**kept, "former": {}})


def refuse_other_generations(bundle):
    """What was given up may be known to others, and what a bundle names has to be there."""
    given = stored()["generations"]
    now = {**generations_of(applied_bundle(State())), **given}
    for name, generation in generations_of(bundle).items():
        if generation < now.get(name, 0):
            raise Refused(f"that bundle is from before {name} was raised from generation {generation} to {now[name]}, and what was given up does not come back")
        if generation > given.get(name, generation):
            raise Refused(f"the bundle needs generation {generation} of {name}, this host was given {now[name]}: send secrets first")
