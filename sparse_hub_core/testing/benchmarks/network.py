"""A process without a network, for as long as a check takes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any


@contextmanager
def without_network() -> Iterator[None]:
    """Let every connection to another machine or port, and every look-up of a name, raise AssertionError."""

    def refuse(target: Any) -> None:
        # No OSError, which clients would wait for to pass, and try again.
        raise AssertionError(
            f"it calls the network ({target}), though the offline sample and what is generated need none"
        )

    def connecting(original: Callable[..., Any]) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            if self.family != getattr(socket, "AF_UNIX", None):
                refuse(address)
            return original(self, address)

        return connect

    with ExitStack() as stack:
        for name in ("connect", "connect_ex"):
            stack.enter_context(_replaced(socket.socket, name, connecting(getattr(socket.socket, name))))
        stack.enter_context(_replaced(socket, "getaddrinfo", lambda host, *rest, **options: refuse(host)))
        yield


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    own = name in vars(owner)
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if own:
            setattr(owner, name, original)
        else:
            delattr(owner, name)
