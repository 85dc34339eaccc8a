"""A model hub on this machine: as much of the Hugging Face Hub's interface as fetching a repository takes."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = hashlib.sha1(b"the only commit").hexdigest()

GATED = "org/gated"
"""A repository whose terms have to be accepted first."""


@contextmanager
def serve(repositories: dict[str, Path]) -> Iterator[tuple[str, list[str]]]:
    """Serves folders as repositories with one commit, `main`.

    Yields:
        The hub's address, and the paths that were asked for.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing to the terminal."""

        def _answer(self, *, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            asked.append(path)
            if path.startswith(f"/api/models/{GATED}"):
                self._refuse("GatedRepo", 403)
                return
            for repo, folder in repositories.items():
                if path in (f"/api/models/{repo}/revision/main", f"/api/models/{repo}"):
                    self._send(json.dumps({"id": repo, "sha": COMMIT, "siblings": []}).encode(), body)
                    return
                if path.startswith(f"/api/models/{repo}/revision/"):
                    self._refuse("RevisionNotFound")
                    return
                if path == f"/api/models/{repo}/tree/{COMMIT}":
                    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
                    tree = [
                        {
                            "type": "file",
                            "path": str(file.relative_to(folder)),
                            "size": file.stat().st_size,
                            "oid": hashlib.sha1(file.read_bytes()).hexdigest(),
                        }
                        for file in files
                    ]
                    self._send(json.dumps(tree).encode(), body)
                    return
                file = folder / path.removeprefix(f"/{repo}/resolve/{COMMIT}/")
                if path.startswith(f"/{repo}/resolve/{COMMIT}/") and file.is_file():
                    self._send(file.read_bytes(), body)
                    return
            self._refuse("RepoNotFound")

        def _send(self, content: bytes, body: bool) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
            self.end_headers()
            if body:
                self.wfile.write(content)

        def _refuse(self, code: str, status: int = 404) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
