"""Load the rows of a published dataset: from the hub, a folder, or a benchmark's offline sample.

Files come through ``huggingface_hub``, at one commit, into its own cache, which ``hf download`` and other programs
share. ``datasets.load_dataset`` is not used: where anything fails it takes the newest copy that its cache holds,
whatever revision was asked for, and it copies local files into that cache.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sparse_hub_core.data.checked_rows import CheckedRows
from sparse_hub_core.data.folder import declared_configs, list_files, unfinished_download
from sparse_hub_core.data.hub_errors import Failure, Repository, explain, first_line
from sparse_hub_core.data.hub_files import README, Checkout, download, file_names, require_access, resolve
from sparse_hub_core.data.json_rows import DamagedFileError
from sparse_hub_core.data.quiet import quiet
from sparse_hub_core.data.reading import digest_files, read_files
from sparse_hub_core.data.selection import NoSuchFilesError, select_files
from sparse_hub_core.data.source import hub_identity
from sparse_hub_core.errors import DataError

if TYPE_CHECKING:
    from sparse_hub_core.data.source import DataSource, HubDataset, Rows


@dataclass(frozen=True)
class _Request:
    """One configuration, and where it is looked for; makes the sentences of its errors."""

    dataset: HubDataset
    place: str
    remedy: str
    """What to do where the data is not the right one."""
    renewal: str
    """What to do where a file is damaged."""

    def error(self, reason: str, remedy: str | None = None) -> DataError:
        dataset = self.dataset
        what = f"The dataset {dataset.repository} ({dataset.config}, {dataset.split})"
        return DataError(f"{what} cannot be loaded from {self.place}: {reason}; {remedy or self.remedy}.")


@dataclass(frozen=True)
class _Listing:
    """A repository of the hub at one commit, and the names of its files."""

    checkout: Checkout
    names: tuple[str, ...]

    def select(self, dataset: HubDataset) -> tuple[str, ...]:
        with quiet():
            return select_files(self.names, declared_configs(self.checkout.folder / README), dataset)


def load_rows(source: DataSource, dataset: HubDataset, sample_folder: Path) -> Rows:
    """Return the rows of a dataset from the hub, a folder, or the offline sample.

    Raises:
        DataError: They cannot be had, or lack a column; the sentence says what to do.
    """
    if source.kind == "hub":
        checkout, names, request = _on_hub(source, dataset)
        try:
            with quiet():
                paths = download(checkout, names)
        except Exception as error:
            raise _hub_error(source, request, checkout.repository, error) from error
    else:
        paths, request = _in_folder(source, dataset, sample_folder)
    return _read(request, paths)


def data_identity(source: DataSource, dataset: HubDataset, sample_folder: Path) -> str:
    """Return what identifies the rows: the commit on the hub, or a digest of the files that hold them.

    Raises:
        DataError: They cannot be had.
    """
    if source.kind == "hub":
        checkout, names, request = _on_hub(source, dataset)
        try:
            with quiet():
                require_access(checkout, names)
        except Exception as error:
            raise _hub_error(source, request, checkout.repository, error) from error
        return hub_identity(dataset.repository, checkout.commit)
    paths, request = _in_folder(source, dataset, sample_folder)
    try:
        digest = digest_files(paths)
    except OSError as error:
        raise request.error(first_line(error)) from error
    # The name of the folder is left out, because results are kept when data is moved.
    return f"sample {digest}" if source.kind == "sample" else f"folder {dataset.config} {digest}"


def _on_hub(source: DataSource, dataset: HubDataset) -> tuple[Checkout, tuple[str, ...], _Request]:
    repository = Repository("dataset", dataset.repository, source.revision or dataset.revision)
    request = _Request(
        dataset,
        place=f"the hub at revision {repository.revision}",
        remedy=f"look at what there is at {repository.page}/tree/{repository.revision}",
        renewal=f"download it anew with `{repository.renewal_command}`",
    )
    known = {} if source.known is None else source.known
    key = (repository.id, str(repository.revision))
    if isinstance(known.get(key), Failure):
        raise _failure_error(source, request, known[key])
    try:
        if key not in known:
            listing = _list(repository)
            # The rows are then asked for by the commit.
            known[key] = known[repository.id, listing.checkout.commit] = listing
        names = known[key].select(dataset)
    except Exception as error:
        if failure := explain(error, repository):
            known[key] = failure
        raise _hub_error(source, request, repository, error) from error
    return known[key].checkout, names, request


def _list(repository: Repository) -> _Listing:
    with quiet():
        checkout = resolve(repository)
        return _Listing(checkout, tuple(file_names(checkout)))


def _hub_error(source: DataSource, request: _Request, repository: Repository, error: Exception) -> DataError:
    failure = explain(error, repository)
    return _failure_error(source, request, failure) if failure else request.error(first_line(error))


def _failure_error(source: DataSource, request: _Request, failure: Failure) -> DataError:
    advice = failure.advice
    if failure.elsewhere_helps:
        benchmark = source.task.partition("/")[0]
        if request.dataset.own_repository:
            advice = advice.replace("--local-dir DIR", f"--local-dir DIR/{request.dataset.config}")
        advice += f" and name that folder with --data-folder {benchmark}=DIR, or run the sample, {source.task}@sample"
    return request.error(failure.reason, advice)


def _in_folder(source: DataSource, dataset: HubDataset, sample_folder: Path) -> tuple[list[Path], _Request]:
    if source.kind == "sample":
        folder, place = sample_folder, f"its offline sample in {sample_folder}"
        remedy = renewal = "leave out @sample, or install the package that ships it again"
    else:
        folder = Path() if source.folder is None else source.folder
        place = f"the folder {folder}"
        target = folder / dataset.config if dataset.own_repository else folder
        dataset = replace(dataset, hub_config=None) if dataset.own_repository else dataset
        remedy = (
            f"put {dataset.config}.jsonl, .json, .parquet or .csv there, such files below {dataset.config}/, "
            f"or what `hf download --repo-type dataset {dataset.repository} --local-dir {target}` makes"
        )
        renewal = "copy or download it again"
    request = _Request(dataset, place, remedy, renewal)
    try:
        with quiet():
            names = select_files(list_files(folder), declared_configs(folder / README), dataset)
    except (NoSuchFilesError, ValueError) as error:
        if unfinished_download(folder):
            command = Repository("dataset", dataset.repository).download_command.replace("DIR", str(folder))
            again = f"run `{command}` again, which goes on with what is missing"
            raise request.error(f"{error}, because a download into it was interrupted", again) from error
        raise request.error(str(error)) from error
    except OSError as error:
        if source.kind == "sample" and not folder.is_dir():
            raise request.error("the package lacks this folder") from error
        raise request.error(first_line(error), "check the path") from error
    return [folder / name for name in names], request


def _read(request: _Request, paths: list[Path]) -> Rows:
    dataset = request.dataset
    try:
        with quiet():
            rows = read_files(paths)
    except (DamagedFileError, OSError) as error:
        remedy = error.remedy if isinstance(error, DamagedFileError) else None
        raise request.error(first_line(error), remedy or request.renewal) from error
    if not len(rows):
        raise request.error(f"{paths[0].name} holds no rows")
    needed = f"the columns that are needed are those of {dataset.repository}"
    missing = [column for column in dataset.columns if column not in rows.columns]
    if missing:
        raise request.error(
            f"the columns {', '.join(missing)} are missing; it has {', '.join(rows.columns)}",
            needed,
        )
    return CheckedRows(rows, dataset, lambda reason: request.error(reason, needed))
