"""Find and download the files of a dataset on the hub, at one commit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_download, hf_hub_url, snapshot_download
from huggingface_hub.file_download import repo_folder_name

from sparse_hub_core.data.folder import list_files
from sparse_hub_core.data.hub_errors import Repository, explain
from sparse_hub_core.data.quiet import quiet

README = "README.md"
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Checkout:
    """A repository at one commit, and where the local cache keeps the files of it that are here."""

    repository: Repository
    commit: str
    folder: Path


def resolve(repository: Repository, first_file: str = README) -> Checkout:
    """Find the commit that a revision stands for, from the hub or, where that cannot be reached, from the cache.

    One small file comes along; for a dataset the README, which declares what belongs to which configuration.
    """
    with quiet():
        _require_answer(repository)
        found = snapshot_download(
            repository.id, repo_type=repository.kind, revision=repository.revision, allow_patterns=first_file
        )
    folder = Path(found)
    return Checkout(repository, folder.name, folder)


def _require_answer(repository: Repository) -> None:
    """Ask the hub once for a commit that is not here, where a download would try again for half a minute."""
    if COMMIT.fullmatch(repository.revision or ""):
        folder = repo_folder_name(repo_id=repository.id, repo_type=repository.kind)
        if not (Path(constants.HF_HUB_CACHE) / folder / "snapshots" / str(repository.revision)).exists():
            HfApi().repo_info(repository.id, repo_type=repository.kind, revision=repository.revision)


def file_names(checkout: Checkout) -> list[str]:
    """Return the names of all files of the repository, or of those that are here where nobody knows all."""
    repository = checkout.repository
    # Newer clients keep the list beside the files, which makes a second load need no network.
    if known := getattr(huggingface_hub, "get_cached_repo_tree", None):
        try:
            listed = known(repository.id, repo_type=repository.kind, revision=checkout.commit)
            return [file.path for file in listed]
        except huggingface_hub.errors.CachedRepoTreeNotFoundError:
            pass
    try:
        return list(HfApi().list_repo_files(repository.id, repo_type=repository.kind, revision=checkout.commit))
    except Exception as error:
        failure, here = explain(error, repository), list_files(checkout.folder)
        if failure and failure.elsewhere_helps and here:
            return here
        raise


def download(checkout: Checkout, names: Sequence[str]) -> list[Path]:
    """Download files, each once; those that are in the cache are not asked for again."""
    repository = checkout.repository
    return [
        Path(hf_hub_download(repository.id, name, repo_type=repository.kind, revision=checkout.commit))
        for name in names
    ]


def require_access(checkout: Checkout, names: Sequence[str]) -> None:
    """Raise what a download would raise, without downloading."""
    repository = checkout.repository
    missing = [name for name in names if not (checkout.folder / name).exists()]
    if missing:
        url = hf_hub_url(repository.id, missing[0], repo_type=repository.kind, revision=checkout.commit)
        get_hf_file_metadata(url)
