"""Waits until an SSH server answers with its banner: await-ssh.py ADDRESS LIMIT_IN_SECONDS.

Runs in the network namespace of the machine. Exit code 1 when the limit has passed.
"""

import socket
import sys
import time

address, limit = sys.argv[1], float(sys.argv[2])
end = time.monotonic() + limit
while time.monotonic() < end:
    try:
        # Short: while the machine's network is down its packets are dropped without an answer.
        with socket.create_connection((address, 22), timeout=0.3) as connection:
            if connection.recv(4) == b"SSH-":
                sys.exit(0)
    except OSError:
        pass
    time.sleep(0.05)
sys.exit(1)
