"""Which files of a repository or a folder hold one configuration and split of a dataset. Pure: names in, names out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from sparse_hub_core.data.source import HubDataset

SUFFIXES = (".jsonl", ".json", ".parquet", ".csv")
"""What can be read; where a configuration is there in several, the first counts."""
NOT_ROWS = ("dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json")
SPLIT_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_SHARD = re.compile(r"^(.*)-(\d{5})-of-(\d{5})(\..*)$")


class NoSuchFilesError(Exception):
    """The configuration or the split is not there; the message is the end of a sentence that names the dataset."""


def select_files(paths: Sequence[str], configs: Sequence[Mapping[str, Any]], dataset: HubDataset) -> tuple[str, ...]:
    """Return the files that hold the rows, in order.

    Args:
        paths: The files that are there, relative, with forward slashes.
        configs: What the repository's README declares under ``configs``.
        dataset: The configuration and split that are wanted.

    Raises:
        NoSuchFilesError: They are not there, or not all of them.
    """
    paths = sorted(path for path in paths if path.endswith(SUFFIXES) and PurePosixPath(path).name not in NOT_ROWS)
    if dataset.data_files:
        selected = _expand_all(paths, dataset.data_files)
    else:
        declared = _declared(configs, dataset)
        selected = _of_declared(paths, declared, dataset) if declared else ()
        selected = selected or _of_names(paths, dataset)
        if not selected:
            raise NoSuchFilesError(_what_is_there(paths, configs, declared, dataset))
    _require_all_shards(selected)
    return _of_one_suffix(selected)


def _declared(configs: Sequence[Mapping[str, Any]], dataset: HubDataset) -> Mapping[str, Any] | None:
    wanted = dataset.config if dataset.hub_config is None else dataset.hub_config
    if wanted:
        return next((config for config in configs if str(config.get("config_name")) == wanted), None)
    chosen = [config for config in configs if config.get("default") or config.get("config_name") == "default"]
    return next(iter([*chosen, *configs]), None)


def _of_declared(paths: Sequence[str], config: Mapping[str, Any], dataset: HubDataset) -> tuple[str, ...]:
    data_files = config.get("data_files")
    if data_files is None:
        base = str(config.get("data_dir") or "").strip("/")
        return _of_split([path for path in paths if path.startswith(f"{base}/" if base else "")], base, dataset.split)
    items = [data_files] if isinstance(data_files, str | Mapping) else list(data_files)
    by_split = [item for item in items if isinstance(item, Mapping)]
    if not by_split:
        return _of_split(_expand(paths, [str(item) for item in items]), "", dataset.split)
    splits = {str(item.get("split")): item.get("path") or () for item in by_split}
    if dataset.split not in splits:
        raise NoSuchFilesError(f"it has no split {dataset.split!r}; it has {', '.join(splits)}")
    wanted = splits[dataset.split]
    return tuple(_expand(paths, [wanted] if isinstance(wanted, str) else [str(pattern) for pattern in wanted]))


def _of_names(paths: Sequence[str], dataset: HubDataset) -> tuple[str, ...]:
    """Find the configuration by its name: a file of that name, else the files of a folder of that name."""
    for name in dict.fromkeys(name for name in (dataset.config, dataset.hub_config) if name):
        for base in (name, f"data/{name}"):
            files = [path for path in paths if path in [f"{base}{suffix}" for suffix in SUFFIXES]]
            if files:
                return tuple(files)
            inside = [path for path in paths if path.startswith(f"{base}/")]
            if inside:
                return _of_split(inside, base, dataset.split)
    return _of_split(paths, "", dataset.split) if dataset.hub_config == "" else ()


def _of_split(paths: Sequence[str], base: str, split: str) -> tuple[str, ...]:
    """Return the files of a split where names tell it, else all of them."""
    told = {path: _split_of(path.removeprefix(base), split) for path in paths}
    splits = sorted({name for name in told.values() if name})
    if splits and split not in splits:
        raise NoSuchFilesError(f"it has no split {split!r}; it has {', '.join(splits)}")
    return tuple(path for path in paths if not splits or told[path] == split)


def _split_of(path: str, wanted: str) -> str | None:
    for split, words in {wanted: (wanted,), **SPLIT_WORDS}.items():
        for word in words:
            if re.search(rf"(?:^|[^a-z0-9]){re.escape(word.lower())}(?:[^a-z0-9]|$)", path.lower()):
                return split
    return None


def _expand_all(paths: Sequence[str], patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the files of all patterns, each of which must match."""
    for pattern in patterns:
        if not _expand(paths, [pattern]):
            raise NoSuchFilesError(f"it lacks the file {pattern}; it has {_some(paths)}")
    return tuple(_expand(paths, patterns))


def _expand(paths: Sequence[str], patterns: Iterable[str]) -> list[str]:
    found = [path for pattern in patterns for path in paths if _glob(pattern).fullmatch(path)]
    return list(dict.fromkeys(found))


def _glob(pattern: str) -> re.Pattern[str]:
    """Return a pattern in which ``**`` crosses folders, and ``*`` does not."""
    parts = re.split(r"(\*\*/?|\*|\?)", pattern.removeprefix("./"))
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts))


def _require_all_shards(paths: Sequence[str]) -> None:
    shards: dict[tuple[str, int, str], set[int]] = {}
    for path in paths:
        if match := _SHARD.match(path):
            stem, index, count, suffix = match.groups()
            shards.setdefault((stem, int(count), suffix), set()).add(int(index))
    for (stem, count, suffix), there in shards.items():
        missing = sorted(set(range(count)) - there)
        if missing:
            raise NoSuchFilesError(
                f"it is half downloaded: {stem}-{missing[0]:05d}-of-{count:05d}{suffix} is missing "
                f"({len(there)} of {count} files are there)"
            )


def _of_one_suffix(paths: Sequence[str]) -> tuple[str, ...]:
    suffix = min((PurePosixPath(path).suffix for path in paths), key=SUFFIXES.index)
    return tuple(path for path in paths if path.endswith(suffix))


def _what_is_there(
    paths: Sequence[str],
    configs: Sequence[Mapping[str, Any]],
    declared: Mapping[str, Any] | None,
    dataset: HubDataset,
) -> str:
    if declared is not None:
        return f"the files of {declared.get('config_name')!r} that its README names are missing; it has {_some(paths)}"
    wanted = dataset.hub_config or dataset.config
    if configs:
        return f"it has no configuration {wanted!r}; it has {_some([str(c.get('config_name')) for c in configs])}"
    return f"it has no data for {wanted!r}; it has {_some(paths)}"


def _some(names: Sequence[str], shown: int = 8) -> str:
    if not names:
        return f"no {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} file"
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")
