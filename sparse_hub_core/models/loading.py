"""Load a model and its tokenizer onto a device."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

from sparse_hub_core.errors import ModelError, UsageError
from sparse_hub_core.models.source import resolve_model
from sparse_hub_core.plugins import load_registry

if TYPE_CHECKING:
    from sparse_hub_core.models.source import ModelSource
    from sparse_hub_core.registry import Registry

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to run, with its tokenizer."""

    name: str
    model: Any
    tokenizer: Any
    device: torch.device

    @property
    def stop_tokens(self) -> frozenset[int]:
        """The tokens that end a generation."""
        configured = self.model.generation_config.eos_token_id
        ends = configured if isinstance(configured, list) else [configured]
        return frozenset(token for token in [*ends, self.tokenizer.eos_token_id] if token is not None)


def choose_device(device: str) -> str:
    """Return the device that ``auto`` stands for, CUDA where there is one.

    Raises:
        UsageError: CUDA is asked for and is not there.
    """
    available = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if available else "cpu"
    if device == "cuda" and not available:
        raise UsageError(
            f"The device {device!r} was asked for, but this machine shows no CUDA device; use --device cpu."
        )
    return device


def choose_dtype(dtype: str, device: str) -> str:
    """Return the precision that ``auto`` stands for: bfloat16 on CUDA, float32 elsewhere."""
    if dtype != "auto":
        return dtype
    return "bfloat16" if device == "cuda" else "float32"


def load_tokenizer(source: ModelSource) -> Any:
    """Load the tokenizer of a model.

    Raises:
        ModelError: It cannot be loaded.
    """
    # Prompts longer than the model knows are warned about once, by the run, and not at every call.
    transformers.logging.set_verbosity_error()
    try:
        return AutoTokenizer.from_pretrained(source.location, revision=source.revision, trust_remote_code=False)
    except Exception as error:
        raise ModelError(loading_sentence("tokenizer", source, error)) from error


def load_model(source: ModelSource, device: str = "auto", dtype: str = "auto") -> LoadedModel:
    """Load a model and its tokenizer.

    Raises:
        ModelError: They cannot be loaded, or the device is not there.
    """
    device = choose_device(device)
    tokenizer = load_tokenizer(source)
    transformers.utils.logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            source.location,
            revision=source.revision,
            dtype=DTYPES[choose_dtype(dtype, device)],
            trust_remote_code=False,
            use_safetensors=True,
        )
    except Exception as error:
        raise ModelError(loading_sentence("model", source, error)) from error
    return LoadedModel(source.name, model.to(device).eval(), tokenizer, torch.device(device))


def get_model(name: str, device: str = "auto", dtype: str = "auto", registry: Registry | None = None) -> LoadedModel:
    """Load the model behind a registered name, a local folder, or a hub id with an optional ``@revision``.

    Raises:
        UsageError: There is no such model, or the device is not there.
        ModelError: It cannot be loaded.
    """
    return load_model(resolve_model(registry or load_registry(), name), device, dtype)


def known_length(source: ModelSource) -> int | None:
    """Return the longest sequence the model says it knows, from its registration or its config.

    Raises:
        UsageError: There is no such model, or it cannot be reached.
    """
    if source.max_context_length is not None:
        return source.max_context_length
    try:
        config = transformers.AutoConfig.from_pretrained(
            source.location, revision=source.revision, trust_remote_code=False
        )
    except Exception as error:
        raise UsageError(loading_sentence("config", source, error)) from error
    length = getattr(config.get_text_config(decoder=True), "max_position_embeddings", None)
    return None if length is None else int(length)


def loading_sentence(what: str, source: ModelSource, error: Exception) -> str:
    """Return what cannot be loaded, from where, why, and what to do."""
    where = source.location + (f" at revision {source.revision}" if source.revision else "")
    first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    advice = (
        "check that the folder holds config.json, safetensors weights and the tokenizer"
        if source.is_local
        else "check the id, and that the hub can be reached or the model lies in the local cache"
    )
    if os.environ.get("HF_HUB_OFFLINE") == "1" and not source.is_local:
        advice += " (HF_HUB_OFFLINE=1 is set)"
    return f"The {what} of {source.name!r} cannot be loaded from {where}: {first_line.rstrip('.')}; {advice}."
