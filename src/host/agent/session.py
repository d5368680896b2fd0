"""Who is at work: the SSH session that this process is part of, and the administrator behind it."""

import os

SSHD = ("sshd", "sshd-session", "sshd-auth")
KEYS = "/etc/ssh/authorized_keys.d"
TICKS = os.sysconf("SC_CLK_TCK")


def ancestors():
    """The processes above this one, from its parent on: (process id, name, parent, start in seconds of CLOCK_BOOTTIME)."""
    process = os.getppid()
    while process > 1:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            name, _, rest = file.read().partition(" (")[2].rpartition(") ")
        fields = rest.split()
        parent = int(fields[1])
        yield process, name, parent, int(fields[19]) / TICKS
        process = parent


def opened():
    """When the SSH session that this process is part of began, in seconds of CLOCK_BOOTTIME; None outside of one."""
    # The listener itself is a child of process 1, or of whatever started it; a session is below it.
    starts = [started for _, name, parent, started in ancestors() if name in SSHD and parent > 1]
    return starts[-1] if starts else None


def who():
    """
    (name, address) of whoever runs the agent: an administrator's name; where that can't be told the fingerprint of the
    key, or `unknown`; without SSH the account that called sudo, or `the host itself`. The address is None without SSH.
    What sshd itself gave the session counts, not what the environment has become on the way (by sudo, say).
    """
    try:
        return session_of_this()
    except OSError:
        # The session ends just now. That must not stop a change.
        return "unknown", None


def session_of_this():
    below = os.getpid()
    for process, name, _, _ in ancestors():
        if name in SSHD:
            return administrator(process, environment(below)), environment(below).get("SSH_CONNECTION", "").split(" ")[0] or None
        below = process
    return os.environ.get("SUDO_USER") or "the host itself", None


def administrator(sshd, given):
    import pwd
    with open(f"/proc/{sshd}/status", encoding="utf-8") as file:
        user = next(int(line.split()[1]) for line in file if line.startswith("Uid:"))
    if user != 0:
        return pwd.getpwuid(user).pw_name
    key = used_key(given.get("SSH_USER_AUTH", ""))
    return owner_of(key) or fingerprint(key) if key else "unknown"


def environment(process):
    with open(f"/proc/{process}/environ", encoding="utf-8", errors="replace") as file:
        return dict(entry.split("=", 1) for entry in file.read().split("\0") if "=" in entry)


def used_key(path):
    """The public key (base64) that sshd wrote down as the one that opened the session (ExposeAuthInfo), or None."""
    try:
        with open(path, encoding="utf-8") as file:
            methods = [line.split() for line in file]
    except OSError:
        return None
    return next((words[2] for words in methods if len(words) > 2 and words[0] == "publickey"), None)


def owner_of(key):
    """The administrator who has a key. Root's file has the keys of all, so it says nothing."""
    for name in sorted(set(os.listdir(KEYS) if os.path.isdir(KEYS) else []) - {"root"}):
        with open(f"{KEYS}/{name}", encoding="utf-8", errors="replace") as file:
            if any(key in line.split() for line in file):
                return name
    return None


def fingerprint(key):
    """As `ssh-keygen -l` shows it."""
    import base64
    import hashlib
    return "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(key)).digest()).decode().rstrip("=")
