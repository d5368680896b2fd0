"""One thing of this host made as declared: a link, a directory, a file, an account, a sysctl."""

import grp
import os

from facts import account_exists, sysctl_path
from tools import Failed, aside_of, must, owner_ids, remove_if_there, run, sync_directory, write_file


def make_link(path, target):
    if os.path.isdir(path) and not os.path.islink(path):
        raise Failed(f"link {path}: a directory is in its place; move it away")
    aside = aside_of(path)
    remove_if_there(aside)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.symlink(target, aside)
    os.rename(aside, path)
    sync_directory(os.path.dirname(path))


def switch_directory(path, directory):
    ids = owner_ids(directory["owner"])
    if ids is None:
        raise Failed(f"directory {path}: there is no {directory['owner']} on this host")
    if os.path.lexists(path) and not os.path.isdir(path):
        raise Failed(f"directory {path}: something else is in its place; move it away")
    os.makedirs(path, exist_ok=True)
    os.chown(path, *ids)
    os.chmod(path, int(directory["mode"], 8))


def switch_file(path, file, content):
    ids = owner_ids(file["owner"])
    if ids is None:
        raise Failed(f"file {path}: there is no {file['owner']} on this host")
    if os.path.isdir(path) and not os.path.islink(path):
        raise Failed(f"file {path}: a directory is in its place; move it away")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_file(path, content, int(file["mode"], 8), *ids)


def switch_account(name, account):
    groups = account["groups"].split()
    for group in groups:
        must(f"make the group {group}", ["groupadd", "--force", group])
    options = ["--shell", account["shell"], "--comment", account["comment"], "--groups", ",".join(groups), name]
    if not account_exists(name):
        options = ["--create-home", "--home-dir", account["home"], *options]
        kind = ["--system"] if account.get("system") == "yes" else []
        # A group of that name may be there already, such as one of another account's.
        own = ["--gid", name] if any(group.gr_name == name for group in grp.getgrall()) else ["--user-group"]
        must(f"make the account {name}", ["useradd", *kind, *own, *options])
        return
    must(f"change the account {name}", ["usermod", "--home", account["home"], "--expiredate", account.get("expires", ""), *options])
    if not os.path.isdir(account["home"]):
        must(f"make the home of {name}", ["mkhomedir_helper", name])


def close_account(name):
    """Locks an account that is no longer wanted; its home stays."""
    if not account_exists(name):
        return
    must(f"lock the account {name}", ["usermod", "--lock", "--expiredate", "1", "--shell", "/usr/sbin/nologin", "--groups", "", name])
    run(["loginctl", "terminate-user", name])


def write_sysctl(key, value):
    try:
        with open(sysctl_path(key), "w", encoding="utf-8") as file:
            file.write(value)
    except OSError as error:
        raise Failed(f"sysctl {key} can't be set to {value} here: {error.strerror}") from None


def remove_gone(gone):
    for kind in ("file", "link"):
        for path in gone[kind]:
            if os.path.lexists(path):
                os.remove(path)
                sync_directory(os.path.dirname(path))
    for path in sorted(gone["directory"], reverse=True):
        if os.path.isdir(path) and not os.listdir(path):
            os.rmdir(path)
    for name in gone["account"]:
        close_account(name)
