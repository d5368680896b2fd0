"""The socket on which a member answers."""

import socket
import socketserver

# IP_FREEBIND (linux/in.h): listen before the mesh has brought its address up.
IP_FREEBIND = 15


class Listener(socketserver.ThreadingTCPServer):
    """HTTP on the mesh address. Not http.server.HTTPServer: that asks DNS for its own name while it binds."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        super().server_bind()
