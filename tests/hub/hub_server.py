"""A small hub on loopback, with the protocol that huggingface_hub, datasets and transformers speak."""

from __future__ import annotations

import hashlib
import json
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

Files = Mapping[str, bytes]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def digest(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


@dataclass
class Repository:
    """Commits by name, and the branches and tags that point at them."""

    commits: dict[str, Files] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    """Opens a gated repository."""
    is_private: bool = False


@dataclass
class Hub:
    """What the server serves, how it misbehaves, and what it was asked for."""

    repositories: dict[tuple[str, str], Repository] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    """For a file: after how many bytes its next downloads are cut."""
    status: int | None = None
    """What every request is answered with instead."""
    hung: threading.Event | None = None
    """A download that was cut waits for this event instead of closing the connection."""
    resets: bool = False
    """A download that was cut ends in a reset, which the clients do not try again."""
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and Range of every request."""
    url: str = ""

    def publish(self, kind: str, name: str, files: Files, revision: str = "main", **properties) -> str:
        repository = self.repositories.setdefault((kind, name), Repository())
        for key, value in properties.items():
            setattr(repository, key, value)
        commit = digest(
            json.dumps({path: digest(content) for path, content in sorted(files.items())}).encode() + name.encode()
        )
        repository.commits[commit] = dict(files)
        repository.refs[revision] = commit
        return commit

    def downloads(self, file: str) -> list[str | None]:
        """The Range of each download of a file."""
        return [span for method, path, span in self.asked if method == "GET" and path.endswith(f"/{file}")]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    file: str = ""


def error(status: int, code: str, message: str, commit: str | None = None) -> Answer:
    headers = {"X-Error-Code": code, "X-Error-Message": message} | ({"X-Repo-Commit": commit} if commit else {})
    return Answer(status, headers, json.dumps({"error": message}).encode())


def as_json(value) -> Answer:
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(value).encode())


def entry(path: str, content: bytes) -> dict:
    return {"type": "file", "oid": digest(content), "size": len(content), "path": path}


def tree(files: Files, folder: str, recursive: bool) -> list[dict] | None:
    prefix = f"{folder}/" if folder else ""
    inside = {path: content for path, content in sorted(files.items()) if path.startswith(prefix)}
    if not inside:
        return None
    below = {path: path.removeprefix(prefix).split("/") for path in inside}
    folders = {
        prefix + "/".join(parts[:depth])
        for parts in below.values()
        for depth in range(1, len(parts))
        if recursive or depth == 1
    }
    listed = [entry(path, content) for path, content in inside.items() if recursive or len(below[path]) == 1]
    return [
        {"type": "directory", "oid": digest(path.encode()), "size": 0, "path": path} for path in sorted(folders)
    ] + listed


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: ClassVar[Hub]

    def log_message(self, *_) -> None:
        pass

    def do_HEAD(self) -> None:
        self.reply(with_body=False)

    def do_GET(self) -> None:
        self.reply(with_body=True)

    def do_POST(self) -> None:
        self.reply(with_body=True)

    def reply(self, with_body: bool) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.asked.append((self.command, unquote(url.path), self.headers.get("Range")))
        answer = self.answer([unquote(part) for part in url.path.strip("/").split("/")], parse_qs(url.query), body)
        content, headers, status = answer.body, dict(answer.headers), answer.status
        span = self.headers.get("Range")
        if span and answer.file and status == 200 and with_body:
            start = int(span.removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            content, status = content[start:], 206
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body and not self.wfile.closed:
            self.send_content(answer.file, content)

    def send_content(self, file: str, content: bytes) -> None:
        cuts = self.hub.cuts.get(file)
        if not cuts:
            self.wfile.write(content)
            return
        self.wfile.write(content[: cuts.pop(0)])
        self.wfile.flush()
        if self.hub.hung:
            self.hub.hung.wait(60)
        self.close_connection = True
        if self.hub.resets:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)

    def answer(self, parts: list[str], query: Mapping[str, list[str]], body: bytes) -> Answer:
        if self.hub.status:
            return error(self.hub.status, "", "the server has a bad day")
        is_api = parts[0] == "api"
        parts = parts[1:] if is_api else parts
        kind = parts[0].removesuffix("s") if parts[0] in ("datasets", "models") else "model"
        parts = parts[1:] if parts[0] in ("datasets", "models") else parts
        name, rest = "/".join(parts[:2]), parts[2:]
        repository = self.hub.repositories.get((kind, name))
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        may_read = repository is not None and token == repository.token
        if repository is None or (repository.is_private and not may_read):
            return error(404 if token else 401, "RepoNotFound", "Repository not found")
        action = rest[0] if rest else "revision"
        revision = rest[1] if len(rest) > 1 else "main"
        commit = repository.refs.get(revision, revision)
        if commit not in repository.commits:
            return error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        files, path = repository.commits[commit], "/".join(rest[2:])
        if is_api:
            return self.api(action, repository, name, commit, files, path, query, body)
        if repository.token and not may_read:
            return error(403 if token else 401, "GatedRepo", f"Access to {kind} {name} is restricted", commit)
        if path not in files:
            return error(404, "EntryNotFound", "Entry not found", commit)
        headers = {"ETag": f'"{digest(files[path])}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        return Answer(200, headers, files[path], path)

    def api(self, action, repository, name, commit, files, path, query, body) -> Answer:
        match action:
            case "revision":
                siblings = [{"rfilename": file} for file in sorted(files)]
                return as_json(
                    {"id": name, "sha": commit, "private": repository.is_private, "siblings": siblings, "tags": []}
                    | {"gated": "manual" if repository.token else False, "disabled": False, "downloads": 0, "likes": 0}
                )
            case "tree":
                listed = tree(files, path, query.get("recursive", ["false"])[0].lower() == "true")
                return error(404, "EntryNotFound", "Entry not found", commit) if listed is None else as_json(listed)
            case "paths-info":
                wanted = json.loads(body)["paths"] if body.startswith(b"{") else parse_qs(body.decode())["paths"]
                return as_json([entry(file, files[file]) for file in wanted if file in files])
        return error(404, "", f"Nothing to say to {action}")


@contextmanager
def serving() -> Iterator[Hub]:
    """Runs a hub until the end of the block."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("HubHandler", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
