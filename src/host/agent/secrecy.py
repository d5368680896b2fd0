"""What may be a secret of somebody's in a text that is not ours, and so must not be shown."""

import os
import re

# More than may be needed: a harmless value that is hidden costs less than a password that is told. But for nginx's
# addresses and sudo's rights, which matter to whoever reads a diff.
BUT = r"(?<!proxy_)(?<!fastcgi_)(?!(?<=NO)PASSWD)"
# The limits of length keep the search short in a file of one endless line.
VALUES = (
    # `name = value`, `name: value`, `'name' => 'value'`, `define('NAME', 'value')`; a type or an index may stand between.
    re.compile(BUT + r"((?:pass|pw|psk|secret|token|key|credential|salt)(?:[^=:]{0,99}?[\"']\s*,|[^=:]{0,99}[=:]+>?)\s*)\S.*", re.I),
    # `name value`, where the name can hardly be anything else.
    re.compile(BUT + r"((?:pass(?:wd|word)?|pw|secret|token)\s+)(?!\W*\[hidden\])\S.*", re.I),
    # The password in an address.
    re.compile(r"(://[^\s/:@]{0,99}:)\S{1,199}(?=@)"),
    # A line of a private key.
    re.compile(r"^(\s*)[A-Za-z0-9+/]{40,}={0,2}\s*$"),
)
# Its letters may spell anything, and whose it is has to be seen.
PUBLIC_KEY = re.compile(r"\b(?:ssh|ecdsa|sk)-\S+ AAAA")


def hidden(line):
    """A line without the values of what looks like passwords, keys and secrets. The line itself stays."""
    for value in () if PUBLIC_KEY.search(line) else VALUES:
        line = value.sub(r"\1[hidden]", line)
    return line


def hide(diff, signs):
    """The lines of a unified diff, those that begin with one of the `signs` (`-`, `+`, space) as `hidden` has them."""
    return [*diff[:2], *(line[0] + hidden(line[1:]) if line[0] in signs else line for line in diff[2:])]


def everybody_may_read(path):
    """Whether whoever has an account here can read a file; `path` is absolute."""
    directories = [path[:end] or "/" for end, letter in enumerate(path) if letter == "/"]
    return bool(os.stat(path).st_mode & 0o004) and all(os.stat(directory).st_mode & 0o001 for directory in directories)
