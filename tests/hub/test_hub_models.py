"""Models through the real clients and the real protocol, from a hub on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

import sparse_hub_benchmarks_builtin

from .hub_server import files_of

DEMO = files_of(Path(sparse_hub_benchmarks_builtin.__file__).parent / "demo_model")
# Every process imports torch, which takes seconds.
pytestmark = pytest.mark.slow
LOADED = [12287, 3056864]
WEIGHTS = "model.safetensors"


def model(name: str) -> dict:
    return {"do": "model", "name": name}


def fingerprint(name: str) -> dict:
    return {"do": "fingerprint", "name": name}


def test_a_model_goes_on_after_an_interruption_and_loads_without_a_network_later(hub, client):
    commit = hub.publish("model", "org/demo", DEMO)
    hub.cuts[WEIGHTS] = [1000]
    hub.resets = True
    interrupted, loaded, identity = client.run(model("org/demo"), model("org/demo"), fingerprint("org/demo"))
    assert "cannot be loaded from org/demo: the download was interrupted" in interrupted["error"]
    assert interrupted["error"].endswith("the same command again goes on with what is missing.")
    assert (loaded, identity) == ({"value": LOADED}, {"value": commit})
    assert hub.downloads("tokenizer.json") == [None]
    hub.publish("model", "org/demo", DEMO | {"README.md": b"newer"})
    hub.asked.clear()
    jobs = [model("org/demo"), fingerprint("org/demo"), fingerprint(f"org/demo@{commit}"), model("org/other")]
    *cached, other = client.run(*jobs, HF_HUB_OFFLINE="1")
    assert cached == [{"value": LOADED}, {"value": commit}, {"value": commit}]
    assert not hub.asked
    assert "HF_HUB_OFFLINE=1 is set" in other["error"]
    assert "run `hf download org/other --local-dir DIR` where there is a network" in other["error"]


def test_what_is_wrong_with_a_model_is_told_apart(hub, client):
    hub.publish("model", "org/demo", DEMO)
    hub.publish("model", "org/gated", DEMO, token="secret")
    hub.publish("model", "org/data", {"rows.jsonl": b"{}"})
    hub.publish("model", "org/damaged", DEMO | {WEIGHTS: DEMO[WEIGHTS][:-1000]})
    cases = [
        ("org/none", "has no model 'org/none', or it is private; check the id"),
        ("org/demo@v2", "it has no revision 'v2'; name a branch, tag or commit"),
        ("org/gated", f"it is gated, and no token was sent; ask for access at {hub.url}/org/gated, then log in"),
        ("org/data", "it has no config.json; check the id"),
    ]
    jobs = [job for name, _ in cases for job in (model(name), fingerprint(name))]
    damaged, *results = client.run(model("org/damaged"), *jobs)
    assert "a file is cut off or damaged" in damaged["error"]
    assert "`hf download org/damaged --force-download`" in damaged["error"]
    for index, result in enumerate(results):
        assert cases[index // 2][1] in result["error"]
        assert result["kind"] == "ModelError"
    assert client.run(model("org/gated"), HF_TOKEN="secret") == [{"value": LOADED}]
    for result in client.run(
        model("org/demo"), fingerprint("org/demo"), HF_ENDPOINT="http://127.0.0.1:9", HF_HOME=str(client.home / "none")
    ):
        assert "http://127.0.0.1:9 cannot be reached ([Errno 111] Connection refused)" in result["error"]
