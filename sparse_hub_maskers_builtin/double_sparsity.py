"""Double Sparsity: top-k by the few channels of the keys that matter most."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Le
from torch.nn.functional import pad

from sparse_hub_core import (
    Domain,
    GrowingTensor,
    Layer,
    Mask,
    Masker,
    MaskerConfig,
    Size,
    choice,
    covers_context,
    loguniform,
    resolve_size,
)
from sparse_hub_maskers_builtin.double_sparsity_calibration import (
    ChannelFile,
    ChannelSelection,
    channel_importance,
)

UNPACKED_ELEMENTS = 1 << 19
"""Codes unpacked at a time: a small buffer stays in the cache."""
PACKED_WIDTHS = (1, 2, 4, 8)
"""Bits that a code may take in a byte; codes of more than 8 bits take 16."""


@dataclass(frozen=True)
class DoubleSparsityConfig(MaskerConfig):
    """The ``heavy_size`` unread keys of the highest partial dot products, over the channels that matter most.

    Each KV head of each layer keeps c = max(1, d // group_factor) channels C of its keys as labels of ``label_bits``
    bits; a query head scores a key by sum_{j in C} q_j label_j and reads the best. https://arxiv.org/abs/2408.07092

    The channels are those of largest mean |k_j|, or mean |q_j| mean |k_j|, as ``channel_selection`` says. They come
    from the file ``channels`` (made by ``python -m sparse_hub_maskers_builtin.double_sparsity_calibration``), or else
    from the sequence's own prefix, its first key where there is none; on plain tensors no queries of the prefix are
    known, so keys decide alone. Layers and KV heads have channels of their own (the public reference uses the first
    layer's everywhere, a bug).

    Choosing reads c labels per key. State: these labels, packed, and below 16 bits the largest magnitude m of the
    key's chosen channels: a code of b bits stands for (2 code / (2^b - 1) - 1) m, so one 16-bit number per key and KV
    head serves all its labels. (The authors' code stores a minimum and a maximum; at equal size more bits per label
    find more.) With 16 bits the labels are the cache's own values.
    """

    budget_field: ClassVar[str] = "heavy_size"
    file_fields: ClassVar[tuple[str, ...]] = ("channels",)

    heavy_size: Size = 0.05
    group_factor: Annotated[int, Ge(1)] = 8
    label_bits: Annotated[int, Ge(1), Le(16)] = 4
    channel_selection: ChannelSelection = "key"
    channels: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.channels is not None:
            ChannelFile.check(self.channels)

    def create_masker(self) -> DoubleSparsity:
        """Return the masker."""
        return DoubleSparsity(self)

    @staticmethod
    def get_search_space(task_name: str) -> dict[str, Domain]:
        """Return shares of the context, and labels from a few bits to half of a key."""
        return {
            "heavy_size": loguniform(0.005, 0.2),
            "group_factor": choice([2, 4, 8, 16]),
            "label_bits": choice([2, 4, 8, 16]),
        }

    def infeasible_because(self, num_keys: int) -> str | None:
        """Return a reason when the top-k is the whole context."""
        return covers_context("heavy_size", self.heavy_size, num_keys)

    def max_keys(self, num_keys: int) -> int:
        """Return the number of heavy keys."""
        return resolve_size(self.heavy_size, num_keys)

    def num_channels(self, head_dim: int) -> int:
        """Return how many channels of a key have a label."""
        return max(1, head_dim // self.group_factor)

    def index_bits_per_key(self, head_dim: int) -> float:
        """Return the bits of a key's labels and of the magnitude they share."""
        return self.num_channels(head_dim) * self.label_bits + (16 if self.label_bits < 16 else 0)

    def identity(self) -> dict[str, Any]:
        """Return the fields, with the content of the channel file in place of its path."""
        if self.channels is None:
            return self.parameters()
        digest = hashlib.sha256(Path(self.channels).read_bytes()).hexdigest()
        return self.parameters() | {"channels": f"sha256:{digest}"}


class DoubleSparsity(Masker):
    """State per layer: channels ``(B, Hkv, c)``, packed codes ``(B, Hkv, bytes, Lk)``, magnitudes ``(B, Hkv, 1, Lk)``.

    Keys stand in the last dimension, which makes unpacking and scoring run along memory.
    """

    def __init__(self, config: DoubleSparsityConfig) -> None:
        self.config = config
        self._file = None if config.channels is None else ChannelFile.read(config.channels)

    def on_prefill(self, layer: Layer) -> None:
        """Choose the channels and label the prefix."""
        layer.state.clear()
        if layer.keys.shape[2]:
            layer.state["channels"] = self._choose_channels(layer, layer.keys)
            self._label(layer, layer.keys)

    def on_append(self, layer: Layer, start: int) -> None:
        """Label the new keys; the others keep their labels."""
        if "channels" not in layer.state:
            # Only the first key is there in a chunk as in single steps.
            layer.state["channels"] = self._choose_channels(layer, layer.keys[:, :, :1])
        self._label(layer, layer.keys[:, :, start:])

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        """Add the keys of the highest partial scores."""
        rows = queries.float().reshape(*layer.keys.shape[:2], -1, queries.shape[-1])
        scores = self._products(layer, _take(rows, layer.state["channels"])).view(*queries.shape[:3], -1)
        return mask.with_top_keys(scores, resolve_size(self.config.heavy_size, mask.num_keys))

    def _choose_channels(self, layer: Layer, keys: torch.Tensor) -> torch.Tensor:
        batch, kv_heads, _, head_dim = keys.shape
        count = self.config.num_channels(head_dim)
        if self._file is not None:
            selection = self.config.channel_selection
            channels = self._file.channels_of(layer.index, selection, kv_heads, count, head_dim)
            return channels.to(keys.device).expand(batch, -1, -1)
        with_queries = self.config.channel_selection == "query_key"
        importance = channel_importance(keys, layer.prefix_queries if with_queries else None)
        return importance.topk(count, dim=-1).indices

    def _label(self, layer: Layer, keys: torch.Tensor) -> None:
        """Append the labels of ``(B, Hkv, n, d)`` new keys."""
        taken, bits = _take(keys, layer.state["channels"]).transpose(-1, -2), self.config.label_bits
        if bits >= 16:
            _append(layer, "codes", taken)
            return
        magnitudes = taken.abs().amax(2, keepdim=True)
        relative = taken.float() / torch.where(magnitudes > 0, magnitudes, 1).float()
        codes = ((relative + 1) * ((2**bits - 1) / 2)).round()
        _append(layer, "codes", _packed(codes, bits))
        _append(layer, "magnitudes", magnitudes)

    def _products(self, layer: Layer, rows: torch.Tensor) -> torch.Tensor:
        """Multiply ``(B, Hkv, r, c)`` queries with the labels of all keys, ``(B, Hkv, r, Lk)`` float32."""
        bits = self.config.label_bits
        stored: torch.Tensor = layer.state["codes"].tensor
        if bits >= 16:
            return rows @ stored.float()
        count, num_keys = rows.shape[-1], stored.shape[3]
        products = rows.new_empty(*rows.shape[:3], num_keys)
        step = max(1, UNPACKED_ELEMENTS // (rows.shape[0] * rows.shape[1] * count))
        for start in range(0, num_keys, step):
            piece = slice(start, start + step)
            products[..., piece] = rows @ _unpacked(stored[..., piece], bits, count)
        products.sub_(rows.sum(-1, keepdim=True) * ((2**bits - 1) / 2))
        return products.mul_(layer.state["magnitudes"].tensor.float())


def _take(vectors: torch.Tensor, channels: torch.Tensor) -> torch.Tensor:
    """Take the channels ``(B, Hkv, c)`` of ``(B, Hkv, n, d)``."""
    return vectors.gather(-1, channels[:, :, None].expand(-1, -1, vectors.shape[2], -1))


def _append(layer: Layer, name: str, new: torch.Tensor) -> None:
    """Append ``(B, Hkv, rows, n)`` to what is kept of the keys before."""
    if name in layer.state:
        layer.state[name].append(new)
    else:
        layer.state[name] = GrowingTensor(new, dim=3)


def _width(bits: int) -> int:
    return next((width for width in PACKED_WIDTHS if width >= bits), 16)


def _packed(codes: torch.Tensor, bits: int) -> torch.Tensor:
    """Pack ``(B, Hkv, c, n)`` codes several to a byte: byte row r holds the channels r, r + rows, r + 2 rows ..."""
    width = _width(bits)
    if width == 16:
        return codes.to(torch.int16)
    per_byte, codes = 8 // width, codes.to(torch.uint8)
    rows = -(-codes.shape[2] // per_byte)
    padded = pad(codes, (0, 0, 0, rows * per_byte - codes.shape[2]))
    packed = padded[:, :, :rows].clone()
    for place in range(1, per_byte):
        packed |= padded[:, :, place * rows : (place + 1) * rows] << place * width
    return packed


def _unpacked(packed: torch.Tensor, bits: int, count: int) -> torch.Tensor:
    """Return the codes of ``count`` channels as float32 ``(B, Hkv, count, n)``."""
    width, rows = _width(bits), packed.shape[2]
    codes = torch.empty(*packed.shape[:2], count, packed.shape[3], device=packed.device)
    for place, first in enumerate(range(0, count, rows)):
        part = codes[:, :, first : first + rows]
        source = packed[:, :, : part.shape[2]]
        part.copy_(source if width >= 8 else (source >> place * width) & 2**width - 1)
    return codes
