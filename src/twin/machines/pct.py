#!/usr/bin/env python3
"""Stands in for Proxmox VE's pct(1) on a machine of the twin that plays a Proxmox host.

It hands its arguments, the files they name and its input to the program that runs the twin, through a unix socket bound
into the machine, prints what comes back and ends with the exit code that comes back. Both sides send one JSON object a
line; bytes are base64.
"""

import base64
import json
import os
import socket
import sys
import threading

SOCKET = "/run/farm-twin-pct/pct.sock"


def files_named(argv):
    """Paths on this host whose content the command needs."""
    for index, argument in enumerate(argv):
        option, _, value = argument.lstrip("-").partition("=")
        if argument.startswith("-") and option == "ssh-public-keys":
            yield value or "".join(argv[index + 1 : index + 2])
    if argv[:1] == ["push"] and len(argv) > 2:
        yield argv[2]


def content(path):
    """Base64 of a file; None when it can't be read."""
    try:
        with open(path, "rb") as file:
            return base64.b64encode(file.read()).decode()
    except OSError:
        return None


def send_input(send):
    while chunk := os.read(0, 65536):
        send({"input": base64.b64encode(chunk).decode()})
    send({"input": None})


def main():
    argv = sys.argv[1:]
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(SOCKET)
    except OSError as error:
        sys.exit(f"pct: the twin is not being run at the moment, so nobody can answer ({error})")

    def send(message):
        connection.sendall(json.dumps(message).encode() + b"\n")

    send({"argv": argv, "files": {path: content(path) for path in files_named(argv)}})
    # Input is sent as it comes and may never end, as over an idle ssh: it must not keep the command from ending.
    threading.Thread(target=send_input, args=(send,), daemon=True).start()
    for line in connection.makefile("r"):
        message = json.loads(line)
        if "exit" in message:
            os._exit(message["exit"])
        stream = sys.stdout.buffer if message["to"] == 1 else sys.stderr.buffer
        stream.write(base64.b64decode(message["bytes"]))
        stream.flush()
    sys.exit("pct: the program that runs the twin has ended before the command did")


main()
