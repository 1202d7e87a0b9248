"""Which channels of a model's keys matter most: measured on a text, kept in a file that ``double_sparsity`` takes.

``python -m sparse_hub_maskers_builtin.double_sparsity_calibration --model M --text FILE --output channels.safetensors``
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import click
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from sparse_hub_core import (
    ConfigError,
    Layer,
    Mask,
    Masker,
    MaskerConfig,
    SparseAttention,
    SparseHubError,
    UsageError,
    get_model,
)

ChannelSelection: TypeAlias = Literal["key", "query_key"]
Importance: TypeAlias = dict[tuple[int, ChannelSelection], torch.Tensor]
"""``(Hkv, d)`` of each layer and selection."""

SCHEMA_VERSION = 1
_HEADER = "sparse_hub_channels"
_COMMAND = "python -m sparse_hub_maskers_builtin.double_sparsity_calibration"


def channel_importance(keys: torch.Tensor, queries: torch.Tensor | None) -> torch.Tensor:
    """Return mean |k| of each channel, times mean |q| over a KV group's heads where queries are given.

    Args:
        keys: ``(B, Hkv, n, d)``.
        queries: ``(B, Hq, m, d)``.

    Returns:
        ``(B, Hkv, d)`` float32.
    """
    importance = keys.abs().mean(2, dtype=torch.float32)
    if queries is None:
        return importance
    of_heads = queries.abs().mean(2, dtype=torch.float32)
    return importance * of_heads.view(*importance.shape[:2], -1, importance.shape[2]).mean(2)


@dataclass(frozen=True)
class ChannelFile:
    """The channels of each layer and KV head in falling order of importance, one tensor per layer and selection.

    A safetensors file with tensors ``<layer>.<selection>`` of shape ``(Hkv, n)``, so that nothing is unpickled.
    """

    path: str
    tensors: dict[str, torch.Tensor]

    @staticmethod
    def check(path: str) -> None:
        """Read no more than the header.

        Raises:
            ConfigError: There is no such file, or it is none of this kind.
        """
        ChannelFile._open(path)

    @classmethod
    def read(cls, path: str) -> ChannelFile:
        """Read a file.

        Raises:
            ConfigError: There is no such file, or it is none of this kind.
        """
        file = cls._open(path)
        return cls(path, {name: file.get_tensor(name).long() for name in file.keys()})  # noqa: SIM118

    @classmethod
    def _open(cls, path: str) -> Any:
        if not Path(path).is_file():
            raise ConfigError(f"There is no channel file {path}; make one with {_COMMAND}.")
        try:
            file = safe_open(path, framework="pt")
            metadata: dict[str, str] | None = file.metadata()  # type: ignore[no-untyped-call]
            version = dict(json.loads((metadata or {}).get(_HEADER, "{}"))).get("schema_version")
        except (SafetensorError, ValueError, TypeError) as error:
            raise ConfigError(
                f"{path} is no channel file in safetensors format ({error}); make one with {_COMMAND}."
            ) from None
        if version != SCHEMA_VERSION:
            raise ConfigError(
                f"{path} is no channel file of schema version {SCHEMA_VERSION} (it says {version}); "
                f"make it anew with {_COMMAND}."
            )
        return file

    def channels_of(
        self, layer_index: int, selection: ChannelSelection, num_heads: int, count: int, head_dim: int
    ) -> torch.Tensor:
        """Return the ``count`` most important channels of each head, ``(num_heads, count)``.

        Raises:
            ConfigError: The file is not for this model.
        """
        name = f"{layer_index}.{selection}"
        channels = self.tensors.get(name)
        if channels is None:
            raise ConfigError(f"{self.path} has no channels of layer {layer_index} ({name!r}); calibrate this model.")
        fits = channels.ndim == 2 and channels.shape == (num_heads, head_dim)
        if not fits or bool(((channels < 0) | (channels >= head_dim)).any()):
            raise ConfigError(
                f"{self.path} does not fit layer {layer_index}: {name!r} of shape {tuple(channels.shape)} should name "
                f"at least {count} of {head_dim} channels for each of {num_heads} KV heads; calibrate this model."
            )
        return channels[:, :count]


@dataclass(frozen=True)
class _RecorderConfig(MaskerConfig):
    """Reads every key and adds up what the channels of each prefix are worth."""

    sums: Importance = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing to check: this config is searched by nobody."""

    def create_masker(self) -> Masker:
        """Return the masker."""
        return _Recorder(self.sums)


class _Recorder(Masker):
    def __init__(self, sums: Importance) -> None:
        self.sums = sums

    def on_prefill(self, layer: Layer) -> None:
        selections: tuple[ChannelSelection, ...] = get_args(ChannelSelection)
        for selection in selections:
            queries = layer.prefix_queries if selection == "query_key" else None
            found = channel_importance(layer.keys, queries).sum(0)
            place = (layer.index, selection)
            self.sums[place] = self.sums[place] + found if place in self.sums else found

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        return mask.with_prefix(mask.num_keys)


def measure_importance(model: Any, windows: list[torch.Tensor]) -> Importance:
    """Run a model densely over windows of tokens ``(1, n)`` and return what each channel is worth.

    Keys count at every position of a window but its last, queries at the last positions that layers keep.
    """
    sums: Importance = {}
    for tokens in windows:
        # The one sparse query at the end has the prefix shown to the recorder; it reads every key.
        attention = SparseAttention([_RecorderConfig(sums)])
        with torch.inference_mode(), attention.on(model, prefix_length=tokens.shape[1] - 1):
            model(tokens)
    return sums


def write_channels(path: Path, importance: Importance, notes: dict[str, Any]) -> None:
    """Write all channels of each layer in falling order of importance."""
    tensors = {
        f"{layer}.{selection}": worth.argsort(dim=-1, descending=True, stable=True).to(torch.int32).cpu().contiguous()
        for (layer, selection), worth in sorted(importance.items())
    }
    header = {"schema_version": SCHEMA_VERSION} | notes
    save_file(tensors, path, metadata={_HEADER: json.dumps(header)})


@click.command()
@click.option("--model", required=True, help="A registered name, a folder or a hub id.")
@click.option("--text", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="UTF-8 text.")
@click.option("--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Safetensors to write.")
@click.option(
    "--window", default=2048, show_default=True, type=click.IntRange(2), help="Tokens the model sees at once."
)
@click.option("--max-windows", default=16, show_default=True, type=click.IntRange(1), help="Windows at most.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
def main(model: str, text: Path, output: Path, window: int, max_windows: int, device: str) -> None:
    """Calibrate the channels of a model's keys on a text."""
    try:
        loaded = get_model(model, device)
        tokens = loaded.tokenizer(text.read_text(encoding="utf-8"), return_tensors="pt").input_ids.to(loaded.device)
        if tokens.shape[1] < 2:
            raise UsageError(f"{text} has too little text to calibrate on: {tokens.shape[1]} tokens.")
        whole = tokens.shape[1] // window * window
        windows = list(tokens[:, :whole].split(window, dim=1))[:max_windows] if whole else [tokens]
        write_channels(output, measure_importance(loaded.model, windows), {"model": model, "windows": len(windows)})
    except SparseHubError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{output}: channels of {model}, from {sum(part.shape[1] for part in windows)} tokens of {text}.")


if __name__ == "__main__":
    main()
