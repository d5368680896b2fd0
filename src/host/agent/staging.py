"""Bundles that wait for their activation, and their files as validators see them."""

import os
import shutil

from state import STAGED
from tools import Failed, last_lines, run, write_file

VALIDATOR_LIMIT = 60


def stage(bundle, rendered, directory):
    """Lays out all files of a bundle below a directory that only root can enter, for validators to look at."""
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory, 0o700)
    os.chmod(STAGED, 0o700)
    for path, content in rendered.items():
        target = directory + path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(content)
        os.chmod(target, int(bundle.file[path]["mode"], 8))


def validate(bundle, differences):
    """Runs the validators of all files that differ against their staged copies."""
    questions = [(path, bundle.file[path]["validate"]) for path in differences.files if bundle.file[path]["validate"]]
    if not questions:
        return
    directory = f"{STAGED}/{bundle.sha256}"
    try:
        stage(bundle, differences.rendered, directory)
        for path, command in questions:
            text = command.replace("%s", directory + path).replace("%d", directory)
            code, output = run(["/bin/sh", "-c", text], limit=VALIDATOR_LIMIT)
            if code != 0:
                raise Failed(f"{path} is not valid: {last_lines(output, 8) or f'`{command}` says no'}")
    except OSError as error:
        raise Failed(f"can't lay out the files for their validators: {error.strerror}") from None
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def keep_staged(bundle):
    os.makedirs(STAGED, 0o700, exist_ok=True)
    write_file(f"{STAGED}/{bundle.sha256}.bundle", bundle.text.encode(), 0o600)
    clear_staged(f"{bundle.sha256}.bundle")


def clear_staged(but=None):
    """Removes what a killed run had laid out for validators; with `but`, also all bundles prepared before that one."""
    for entry in os.scandir(STAGED) if os.path.isdir(STAGED) else []:
        if entry.is_dir():
            shutil.rmtree(entry.path)
        elif but and entry.name != but:
            os.remove(entry.path)
