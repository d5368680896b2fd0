"""One difference, in the form in which the drift of a host is told."""

from secrecy import hide

# A diff longer than this helps nobody; and comparing huge texts takes long.
DIFF_LINES = 200
TEXT_BYTES = 1 << 18


def finding(kind, name, what, diff=None):
    """`what` is one line for people; `diff` a unified diff from what was applied or found first to what is there."""
    return {"kind": kind, "name": name, "what": what, "diff": diff or None}


def unified(path, before, now, foreign=""):
    """
    A unified diff of two texts, cut off after DIFF_LINES; None when they are too long or binary. Lines whose sign is one
    of the `foreign` (`-`, `+`, space) are somebody's, and may hold secrets.
    """
    import difflib
    if max(len(before), len(now)) > TEXT_BYTES or "\0" in before + now:
        return None
    diff = difflib.unified_diff(before.splitlines(), now.splitlines(), f"{path} (applied)", f"{path} (present)", lineterm="")
    lines = hide(list(diff), foreign)
    more = len(lines) - DIFF_LINES
    return "\n".join([*lines[:DIFF_LINES], *([f"… {more} more lines"] if more > 0 else [])])
