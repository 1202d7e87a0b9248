"""Why a hub did not give what was asked for, told apart by the clients' own errors, and what to do about it.

The libraries wrap these errors in others, and say at length what may have happened; here it is one reason and one
piece of advice, the same for models and datasets.
"""

from __future__ import annotations

import errno
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from huggingface_hub import constants
from huggingface_hub import errors as hub

RepositoryKind = Literal["model", "dataset"]
Cause = Literal[
    "gated",
    "missing",
    "revision",
    "file",
    "offline",
    "unreachable",
    "token",
    "answer",
    "interrupted",
    "disk",
    "damaged",
]
DAMAGED = ("SafetensorError", "JSONDecodeError", "ArrowInvalid")
"""Names of errors that say that a file is cut off or damaged; named, because their libraries are heavy."""


@dataclass(frozen=True)
class Repository:
    """What was asked of a hub."""

    kind: RepositoryKind
    id: str
    revision: str | None = None

    @property
    def page(self) -> str:
        """Its page on the hub."""
        return f"{constants.ENDPOINT}/{'datasets/' if self.kind == 'dataset' else ''}{self.id}"

    @property
    def download_command(self) -> str:
        """The command that downloads it into a folder where there is a network."""
        return f"{self._download} --local-dir DIR"

    @property
    def renewal_command(self) -> str:
        """The command that downloads it again, whatever is in the cache."""
        return f"{self._download} --force-download"

    @property
    def _download(self) -> str:
        kind = "--repo-type dataset " if self.kind == "dataset" else ""
        return f"hf download {kind}{self.id}" + (f" --revision {self.revision}" if self.revision else "")


@dataclass(frozen=True)
class Failure:
    """Why the hub did not give it, in words, and what can be done about it."""

    cause: Cause
    reason: str
    advice: str

    @property
    def elsewhere_helps(self) -> bool:
        """Whether the files are to be had in another way than from this hub on this machine."""
        return self.cause in ("offline", "unreachable", "answer")


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, as the end of a clause; all of them where it announces a list."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    said = " ".join(lines) if lines[0].endswith(":") else lines[0]
    return textwrap.shorten(said, 300, placeholder=" ...").rstrip(".:;")


def explain(error: BaseException, repository: Repository) -> Failure | None:
    """Return why the hub did not give a repository, None for an error that is none of the hub's."""
    # The innermost first, because what wraps it says less.
    chain = [*_chain(error)][::-1]
    cause, origin = next(((cause, link) for cause in _ORDER for link in chain if _is(cause, link)), (None, error))
    if cause is None:
        return None
    return Failure(cause, _reason(cause, origin, repository), _advice(cause, repository))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


_ORDER: tuple[Cause, ...] = (
    *("gated", "revision", "token", "missing", "disk", "offline", "interrupted", "unreachable"),
    *("answer", "file", "damaged"),
)
"""Where several errors of a chain fit, the first of these tells the most."""


def _is(cause: Cause, error: BaseException) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    status = _status(error)
    match cause:
        case "gated":
            return isinstance(error, hub.GatedRepoError)
        case "revision":
            return isinstance(error, hub.RevisionNotFoundError)
        case "token":
            return status == 401 and not isinstance(error, hub.RepositoryNotFoundError)
        case "missing":
            return isinstance(error, hub.RepositoryNotFoundError)
        case "disk":
            return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        case "offline":
            absent = isinstance(error, hub.LocalEntryNotFoundError) and constants.HF_HUB_OFFLINE
            return absent or isinstance(error, hub.OfflineModeIsEnabled)
        case "interrupted":
            # The transport's errors by name, because the clients' HTTP library is not always the same one.
            broken = "TransportError" in names and not names & {"ConnectError", "ConnectTimeout", "ProxyError"}
            return broken or "Consistency check failed" in str(error)
        case "unreachable":
            return "TransportError" in names or isinstance(error, hub.LocalEntryNotFoundError)
        case "answer":
            return status is not None and not isinstance(error, hub.EntryNotFoundError)
        case "file":
            return isinstance(error, hub.EntryNotFoundError)
        case "damaged":
            return bool(names & set(DAMAGED))


def _status(error: BaseException) -> int | None:
    return int(error.response.status_code) if isinstance(error, hub.HfHubHTTPError) else None


def _reason(cause: Cause, error: BaseException, repository: Repository) -> str:
    match cause:
        case "gated":
            return "it is gated, and " + (
                "no token was sent" if _status(error) == 401 else "the token of this machine has no access to it"
            )
        case "missing":
            return f"{constants.ENDPOINT} has no {repository.kind} {repository.id!r}, or it is private"
        case "revision":
            return f"it has no revision {repository.revision!r}"
        case "token":
            return f"{constants.ENDPOINT} does not accept the token of this machine"
        case "offline":
            return "HF_HUB_OFFLINE=1 is set, and the local cache does not hold all of it"
        case "unreachable":
            return f"{constants.ENDPOINT} cannot be reached ({first_line(error)}), and the local cache does not hold it"
        case "interrupted":
            return f"the download was interrupted ({first_line(error)})"
        case "answer":
            return f"the hub answers {first_line(error)}"
        case "file":
            return f"it lacks a file that is needed ({first_line(error)})"
        case "disk":
            return f"there is no room left on the disk of {constants.HF_HOME}"
        case "damaged":
            return f"a file is cut off or damaged ({first_line(error)})"


def _advice(cause: Cause, repository: Repository) -> str:
    match cause:
        case "gated":
            return f"ask for access at {repository.page}, then log in with `hf auth login`"
        case "missing":
            return "check the id, or log in with `hf auth login` as someone who may read it"
        case "revision":
            return f"name a branch, tag or commit of {repository.page}/tree/main"
        case "token":
            return "log in again with `hf auth login`, or unset HF_TOKEN"
        case "offline" | "unreachable":
            return f"run `{repository.download_command}` where there is a network"
        case "interrupted":
            return "the same command again goes on with what is missing"
        case "answer":
            return f"try again later, or run `{repository.download_command}` on another machine"
        case "file":
            return f"look at what there is at {repository.page}/tree/{repository.revision or 'main'}"
        case "disk":
            return "make room, or set HF_HOME to a folder on a larger disk"
        case "damaged":
            return f"download it anew with `{repository.renewal_command}`"
