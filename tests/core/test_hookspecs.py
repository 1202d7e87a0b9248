from __future__ import annotations

import inspect

import pytest

from sparse_hub_core import callbacks, hookspecs, registry
from sparse_hub_core.plugins import _Collector

HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("register_")}


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_says_how_it_is_called(name):
    assert "register(" in inspect.getdoc(HOOKS[name])


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_callback_that_takes_what_its_protocol_says(name):
    callback = _Collector(registry.Provenance("p", "d", "1")).callbacks()[name]
    words = [word.capitalize() for word in name.removesuffix("s").split("_")]
    protocol = getattr(callbacks, "".join(words))
    promised = inspect.signature(protocol.__call__).parameters
    taken = inspect.signature(callback).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
    assert open_ended or set(promised) - {"self"} == set(taken)


def test_there_is_no_callback_without_a_hook():
    assert set(_Collector(registry.Provenance("p", "d", "1")).callbacks()) == set(HOOKS)
