"""Checks over shapes, dtypes, devices and values."""

from __future__ import annotations

import itertools

import torch

from sparse_hub_core.attention.mask import Mask
from sparse_hub_core.attention.sparse_attention import SparseAttention
from sparse_hub_core.testing.check import check, require
from sparse_hub_core.testing.maskers.subject import Subject
from sparse_hub_core.testing.maskers.tensors import Tensors, attend, draw, look

ALL_HEADS = ((4, 4), (8, 2), (4, 1), (28, 4))
LENGTHS = (1, 2, 15, 16, 17, 33, 65)
DTYPES = (torch.float32, torch.bfloat16, torch.float16)


@check()
def keeps_shape_and_dtype(subject: Subject) -> None:
    """Output and mask fit the queries, for every GQA ratio that it fits, dtype and device at hand."""
    for heads, dtype, device in itertools.product([subject.heads] if subject.heads else ALL_HEADS, DTYPES, _devices()):
        tensors = draw(subject, 0, 33, 2, heads).to(dtype).to(device)
        _require_fits(subject, tensors, f"{heads[0]} query heads, {heads[1]} KV heads, {dtype}, {device}")


@check()
def takes_every_length(subject: Subject) -> None:
    """Sequences of one key, of odd lengths, and of a block more or less work; so does one without a prefix."""
    for length, dtype in itertools.product(LENGTHS, DTYPES):
        tensors = draw(subject, 1, length).to(dtype)
        # A prefix as long as can be, and none at all.
        for start in (length - 1, 0):
            _require_fits(subject, tensors, f"{length} keys, the first query at {start}, {dtype}", start)


@check()
def leaves_inputs_alone(subject: Subject) -> None:
    """Queries, keys and values are not changed."""
    tensors = draw(subject, 2, subject.length, 2)
    before = [tensor.clone() for tensor in (tensors.queries, tensors.keys, tensors.values)]
    attend(subject, SparseAttention(subject.behind(subject.small)), tensors)
    for name, old in zip(("queries", "keys", "values"), before, strict=True):
        require(torch.equal(getattr(tensors, name), old), f"the {name} are changed")


@check()
def stays_finite(subject: Subject) -> None:
    """No NaN or Inf, also with large, equal and zero keys."""
    base = draw(subject, 3, subject.length)
    for dtype, factor in ((torch.float32, 1e4), (torch.bfloat16, 1e4), (torch.float16, 20.0), (torch.float32, 0.0)):
        large = Tensors(base.queries * max(factor, 1.0), base.keys * factor, base.values).to(dtype)
        alike = Tensors(large.queries, large.keys[:, :, :1].expand_as(large.keys).contiguous(), large.values)
        for tensors, what in ((large, "large" if factor else "zero"), (alike, "equal")):
            attention = SparseAttention(subject.behind(subject.small, subject.given(first=1)))
            result = attend(subject, attention, tensors)
            require(torch.isfinite(result.output).all(), f"the output has NaN or Inf with {what} keys in {dtype}")
            assert isinstance(result.mask, Mask)
            chosen = result.mask.probabilities
            finite = chosen is None or bool(torch.isfinite(chosen).all())
            require(finite, f"probabilities are NaN or Inf with {what} keys in {dtype}")


@check()
def every_setting_runs(subject: Subject) -> None:
    """The defaults and points of the search space work on a short sequence."""
    tensors = draw(subject, 4, 33, 2)
    for config in subject.settings(5):
        try:
            given = look(subject, subject.behind(config, subject.given(first=1)), tensors)
        except Exception as error:
            # Whatever is raised, a trial would end with it.
            raise AssertionError(f"{config!r} raises {type(error).__name__}: {error}") from error
        require(torch.isfinite(given.output).all(), f"{config!r} gives NaN or Inf")


def _devices() -> list[torch.device]:
    return [torch.device("cpu"), *([torch.device("cuda")] if torch.cuda.is_available() else [])]


def _require_fits(subject: Subject, tensors: Tensors, where: str, start: int | None = None) -> None:
    attention = SparseAttention(subject.behind(subject.small, subject.given(first=1)))
    try:
        result = attend(subject, attention, tensors, start)
    except Exception as error:
        # A masker may raise anything at a shape that its author did not think of.
        raise AssertionError(f"with {where} it raises {type(error).__name__}: {error}") from error
    queries = tensors.queries[:, :, tensors.length - result.output.shape[2] :]
    output = result.output
    for name in ("shape", "dtype", "device"):
        got, wanted = getattr(output, name), getattr(queries, name)
        require(got == wanted, f"with {where} the output's {name} is {got}, not {wanted}")
    pairs = (*queries.shape[:3], tensors.length)
    shape = tuple(result.mask.to_dense().shape)
    require(shape == pairs, f"with {where} the mask has the shape {shape}, not {pairs}")
    require(torch.isfinite(output).all(), f"with {where} there is NaN or Inf")
