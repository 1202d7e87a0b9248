"""Learning hash functions from a model's own attention: which keys would be its top ones, as a classification."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from sparse_hub_core import Layer, Mask, Masker, MaskerConfig, SparseAttention, UsageError
from sparse_hub_hashattention.hash_bits import agreement_scores
from sparse_hub_hashattention.hash_functions import HashFunctions, Mlp


@dataclass(frozen=True)
class Observed:
    """The queries of a window's second half in one layer, and all its keys, after the rotary embedding."""

    queries: torch.Tensor
    """``(1, Hq, Lq, d)`` float32, the last Lq positions of the keys."""
    keys: torch.Tensor
    """``(1, Hkv, n, d)`` float32."""

    def centred(self) -> Observed:
        """Return it with the keys around the mean of those before the queries, as the untrained baseline sees them."""
        prefix = self.keys[:, :, : self.keys.shape[2] - self.queries.shape[2]]
        return Observed(self.queries, self.keys - prefix.mean(2, keepdim=True))

    def some_queries(self, places: torch.Tensor) -> torch.Tensor:
        """Return the queries at some of the Lq places."""
        return self.queries[:, :, places]

    def positions(self, places: torch.Tensor) -> torch.Tensor:
        """Return the positions of these queries among the keys."""
        return places + self.keys.shape[2] - self.queries.shape[2]


@dataclass(frozen=True)
class Targets:
    """Which keys a hash should find: the top ones of exact attention among those that sinks and window leave."""

    count: int = 32
    sinks: int = 16
    recent: int = 32

    def candidates(self, positions: torch.Tensor, num_keys: int) -> torch.Tensor:
        """Return which keys each query might choose, ``(m, n)`` boolean."""
        keys = torch.arange(num_keys, device=positions.device)
        return (keys >= self.sinks) & (keys <= positions[:, None] - self.recent)

    def top_keys(self, queries: torch.Tensor, keys: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
        """Return the true top keys of ``(1, Hq, m, d)`` queries, ``(1, Hq, m, n)`` boolean."""
        repeated = keys.repeat_interleave(queries.shape[1] // keys.shape[1], dim=1)
        return chosen((queries @ repeated.transpose(-1, -2)).masked_fill(~candidates, -torch.inf), self.count)


def chosen(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Return where the ``count`` largest finite scores of each row are, as booleans."""
    top = scores.topk(min(count, scores.shape[-1]), dim=-1)
    return torch.zeros_like(scores, dtype=torch.bool).scatter_(-1, top.indices, top.values > -torch.inf)


@dataclass(frozen=True)
class _RecorderConfig(MaskerConfig):
    """Reads every key and keeps what each layer showed."""

    observed: dict[int, Observed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing to check: this config is searched by nobody."""

    def create_masker(self) -> Masker:
        """Return the masker."""
        return _Recorder(self.observed)


class _Recorder(Masker):
    def __init__(self, observed: dict[int, Observed]) -> None:
        self.observed = observed

    def add_mask(self, layer: Layer, queries: torch.Tensor, mask: Mask) -> Mask:
        self.observed[layer.index] = Observed(queries.float(), layer.keys.float().clone())
        return mask.with_prefix(mask.num_keys)


def observe(model: Any, tokens: torch.Tensor) -> dict[int, Observed]:
    """Run a model over a window of tokens ``(1, n)``, densely, and return what each layer showed."""
    observed: dict[int, Observed] = {}
    attention = SparseAttention([_RecorderConfig(observed)])
    with torch.no_grad(), attention.on(model, prefix_length=tokens.shape[1] // 2):
        model(tokens)
    return observed


@dataclass(frozen=True)
class Training:
    """The settings of a training; those of the authors' code where it names any."""

    bits: int = 32
    hidden: int = 128
    depth: int = 3
    learning_rate: float = 1e-3
    weight_of_top_keys: float = 20.0
    """Top keys are rare among candidates; each counts as so many others."""
    queries_per_step: int = 64
    targets: Targets = Targets()
    seed: int = 0


class Trainer:
    """Trains the hash functions of all layers, window by window.

    The loss of a layer is the logistic loss of sum_i tanh f_i(q) tanh g_i(k) as a prediction of which candidates are
    top keys: tanh is what makes signs that can be learned.
    """

    def __init__(self, training: Training) -> None:
        self.training = training
        self.generator = torch.Generator().manual_seed(training.seed)
        self.functions: dict[int, HashFunctions] = {}
        self.optimizer: torch.optim.Optimizer | None = None

    def step(self, observed: Mapping[int, Observed]) -> float:
        """Learn from what the layers showed of a window, and return the mean loss over layers before it.

        Raises:
            UsageError: The loss is not finite.
        """
        if self.optimizer is None:
            self.functions = {index: self._begin(layer) for index, layer in sorted(observed.items())}
            self.optimizer = torch.optim.Adam(self._parameters(), self.training.learning_rate)
        loss = torch.stack([self._loss(index, layer) for index, layer in sorted(observed.items())]).mean()
        if not loss.isfinite():
            raise UsageError(
                f"The loss has become {loss.item()}, from which nothing can be learned; take a learning rate below "
                f"{self.training.learning_rate:g}, and a model whose own queries and keys are finite."
            )
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return loss.item()

    def _begin(self, observed: Observed) -> HashFunctions:
        """Draw functions for each query head, and for the keys of each KV head."""
        device, head_dim = observed.keys.device, observed.keys.shape[-1]
        widths = [head_dim] + [self.training.hidden] * (self.training.depth - 1) + [self.training.bits]
        mlps = [self._drawn(tensor.shape[1], widths, device) for tensor in (observed.queries, observed.keys)]
        return HashFunctions(*mlps)

    def _drawn(self, heads: int, widths: list[int], device: torch.device) -> Mlp:
        parts: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
        for width, outputs in itertools.pairwise(widths):
            for part, rows in zip(parts, (width, 1), strict=True):
                drawn = (2 * torch.rand(heads, rows, outputs, generator=self.generator) - 1) * width**-0.5
                part.append(drawn.to(device).requires_grad_())
        return Mlp(tuple(parts[0]), tuple(parts[1]))

    def _parameters(self) -> list[torch.Tensor]:
        mlps = [mlp for functions in self.functions.values() for mlp in (functions.query, functions.key)]
        return [tensor for mlp in mlps for tensor in (*mlp.weights, *mlp.biases)]

    def _loss(self, index: int, observed: Observed) -> torch.Tensor:
        order = torch.randperm(observed.queries.shape[2], generator=self.generator)
        places = order[: self.training.queries_per_step].to(observed.keys.device)
        queries, targets = observed.some_queries(places), self.training.targets
        candidates = targets.candidates(observed.positions(places), observed.keys.shape[2])
        wanted = targets.top_keys(queries, observed.keys, candidates)
        functions = self.functions[index]
        bits_of_keys = functions.key(observed.keys).tanh()
        bits_of_keys = bits_of_keys.repeat_interleave(queries.shape[1] // observed.keys.shape[1], dim=1)
        logits = functions.query(queries).tanh() @ bits_of_keys.transpose(-1, -2)
        losses = binary_cross_entropy_with_logits(
            logits, wanted.float(), reduction="none", pos_weight=logits.new_tensor(self.training.weight_of_top_keys)
        )
        return (losses * candidates).sum() / (candidates.sum() * losses.shape[1]).clamp_min(1)


def recall(
    functions: HashFunctions, windows: Iterable[Observed], targets: Targets = Targets(), read: float = 0.1
) -> float:
    """Return the share of true top keys among the share ``read`` of candidates whose hashes agree in most bits."""
    found = wanted = 0
    for observed in windows:
        places = torch.arange(observed.queries.shape[2], device=observed.keys.device)
        candidates = targets.candidates(observed.positions(places), observed.keys.shape[2])
        true = targets.top_keys(observed.queries, observed.keys, candidates)
        with torch.no_grad():
            scores = agreement_scores(functions.query_words(observed.queries), functions.key_words(observed.keys))
        scores = scores.view(*observed.queries.shape[:3], -1).masked_fill(~candidates, -torch.inf)
        count = max(1, int(read * observed.keys.shape[2]))
        found += int((true & chosen(scores, count)).sum())
        wanted += int(true.sum())
    return found / max(1, wanted)
