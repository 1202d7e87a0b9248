"""What identifies a model's content, wherever it lies."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sparse_hub_core.models.loading import find_commit
from sparse_hub_core.models.source import ModelSource

SAMPLES, SAMPLED_BYTES = 256, 1 << 16


def fingerprint(source: ModelSource) -> str:
    """Return what identifies the model's content: the hub commit, or a digest of the folder's files.

    Large files enter by their size and samples all over them, because reading all weights can take minutes.

    Raises:
        ModelError: The hub does not have the model, or cannot be reached.
    """
    commit = find_commit(source)
    if commit is not None:
        return commit
    digest = hashlib.sha256()
    wanted = {".json", ".safetensors", ".model", ".txt", ".jinja"}
    for path in sorted(Path(source.location).iterdir()):
        if path.suffix in wanted and path.is_file():
            digest.update(path.name.encode() + b"\0" + _sample(path))
    return digest.hexdigest()[:16]


def _sample(path: Path) -> bytes:
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        if size <= SAMPLES * SAMPLED_BYTES:
            digest.update(file.read())
        else:
            for index in range(SAMPLES):
                file.seek(index * (size - SAMPLED_BYTES) // (SAMPLES - 1))
                digest.update(file.read(SAMPLED_BYTES))
    return digest.digest()
