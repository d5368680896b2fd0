"""The socket on which a member answers the others and the proxies, and the guard of the threads that do so."""

import http.server
import json
import os
import socket
import socketserver
import sys

# IP_FREEBIND (linux/in.h): listen before the mesh has brought its address up.
IP_FREEBIND = 15


class Listener(socketserver.ThreadingTCPServer):
    """HTTP on the mesh address. Not http.server.HTTPServer: that asks DNS for its own name while it binds."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Who asks may be gone before the answer, as a proxy whose time is over: the journal need not have that."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        super().server_bind()


def serve(address, port, state, refusal):
    """
    Answers for ever: /state with what `state` returns, as JSON; / and /writer with 200, or with 503 and what `refusal`
    says of that path.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 5
        # The answer goes out in one piece: HAProxy hangs up once it has read enough.
        wbufsize = -1

        def do_GET(self):
            if self.path == "/state":
                self.reply(200, "application/json", json.dumps(state()))
            elif self.path in ("/", "/writer"):
                no = refusal(self.path)
                self.reply(503 if no else 200, "text/plain", no or "yes")
            else:
                self.reply(404, "text/plain", "ask for /, /writer or /state")

        def reply(self, code, kind, text):
            body = f"{text}\n".encode()
            self.send_response(code)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Not a line in the journal for every check."""

    with Listener((address, port), Handler) as server:
        server.serve_forever()


def guarded(target, *arguments):
    """A thread that dies takes its daemon along: systemd starts it anew, half of it would mislead."""
    try:
        target(*arguments)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
