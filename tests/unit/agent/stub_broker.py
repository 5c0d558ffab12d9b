"""A broker that answers what it is told to, over real TLS, in a thread."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from tools.realcluster.pki import Pki


@dataclass(slots=True, kw_only=True)
class StubBroker:
    """Answers by path; `seen` has (path, Authorization) of each request."""

    url: str = ""
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)

    def put(self, path: str, body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers[path] = (status, headers or {}, raw)


@contextmanager
def serving(pki: Pki, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> Iterator[StubBroker]:
    broker = StubBroker()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            broker.seen.append((self.path, self.headers.get("Authorization", "")))
            status, headers, body = broker.answers[self.path]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(HTTPServer):
        def handle_error(self, *_: object) -> None:
            """Refused handshakes are what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    context.load_cert_chain(pki.path("server.crt"), pki.path("server.key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    broker.url = f"https://127.0.0.1:{server.server_port}"
    try:
        yield broker
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
