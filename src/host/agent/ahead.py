"""What is found out of a bundle before anything changes."""

import os

from differences import Differences
from host_secrets import refuse_other_generations
from packages import download
from staging import validate
from state import FRESH
from tools import say


def look_ahead(bundle, state, secrets):
    """What can be found wrong with a bundle before anything changes. Returns the differences."""
    refuse_other_generations(bundle)
    differences = Differences(bundle, state, secrets)
    say(f"stage: {len(differences.lines())} differences")
    download(differences)
    # A validator may come with a package that is not installed yet: then it runs once that is.
    if not differences.packages and not differences.unfinished:
        validate(bundle, differences)
    return differences


class OnlyLooked(Exception):
    """Nothing was done, because this host had a life before the farm. `differences` are what the bundle would change."""

    def __init__(self, differences):
        super().__init__("this host had a life before the farm, so it was only looked at and nothing was changed; the lines above "
                         "are what would change, what stands there now is kept in /var/lib/farm/replaced. To take it over, "
                         "name it in farms:adopt")
        self.lines = differences.lines()
        self.diff = differences.diff(None)


def meet(bundle, state, secrets, adopt):
    """Raises OnlyLooked on a host of whose former life nobody has said that it may be taken over; `adopt` says so."""
    if state.applied is not None or state.adopted or os.path.exists(FRESH):
        return
    if not adopt:
        raise OnlyLooked(Differences(bundle, state, secrets))
    state.adopted = True
    state.save()
