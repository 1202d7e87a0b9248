"""METEOR with a WordNet and BERTScore with models of a few words; and what is said where they are missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers
from tokenizers.pre_tokenizers import ByteLevel

from sparse_hub_benchmarks_builtin.loogle.benchmark import LooGLE
from sparse_hub_benchmarks_builtin.loogle.bert_score import MODEL_VARIABLE, bert_score, scorer
from sparse_hub_benchmarks_builtin.loogle.meteor import meteor
from sparse_hub_core import Question, UsageError

pytest.importorskip("bert_score", reason="pip install 'sparse-hub[bert-score]'")
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
WORDS = ("the", "cat", "sat", "on", "a", "mat")


def write_wordnet(folder: Path) -> Path:
    """Write a WordNet of one synset, car and cab, in the format of the original."""
    corpus = folder / "corpora" / "wordnet"
    corpus.mkdir(parents=True)
    kinds = ("noun", "verb", "adj", "adv")
    for kind in kinds:
        for name in (f"index.{kind}", f"data.{kind}", f"{kind}.exc"):
            (corpus / name).write_text("")
    for name in ("cntlist.rev", "index.sense"):
        (corpus / name).write_text("")
    (corpus / "lexnames").write_text("00\tnoun.all\t1\n")
    (corpus / "data.adj").write_text("  1 WordNet 3.0 Copyright of nobody\n")
    (corpus / "data.noun").write_text("00000000 00 n 02 car 0 cab 0 000 | it has wheels\n")
    (corpus / "index.noun").write_text("cab n 1 0 1 0 00000000\ncar n 1 0 1 0 00000000\n")
    return folder


METEOR = """
import sys
from sparse_hub_benchmarks_builtin.loogle.benchmark import LooGLE
from sparse_hub_benchmarks_builtin.loogle.meteor import meteor
LooGLE(extra_metrics=["meteor"]).check_metrics()
pairs = [("the cab", "the car"), ("b a", "a b"), ("", "a"), ("a", ""), ("x", "y"), ("a a b b", "a b a b")]
print([meteor(*pair) for pair in pairs], 0 <= meteor("w%d " * 20000 % tuple(range(20000)), "w1 w2") <= 1)
"""


def test_meteor_by_hand(tmp_path: Path) -> None:
    # In a process of its own, because nltk keeps a corpus that it has found once.
    environment = os.environ | {"NLTK_DATA": str(write_wordnet(tmp_path))}
    done = subprocess.run([sys.executable, "-c", METEOR], env=environment, capture_output=True, text=True, check=False)
    # All words in one run: 1 - 0.5 (1 / 2)^3, a synonym included; in two runs: 1 - 0.5 (2 / 2)^3.
    assert done.stdout == "[0.9375, 0.5, 0.0, 0.0, 0.0, 0.9375] True\n", done.stderr


def test_a_missing_wordnet_is_told_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nltk.data.path", [])
    LooGLE().check_metrics()
    with pytest.raises(UsageError, match=r"meteor needs nltk's WordNet.+python -m nltk\.downloader wordnet"):
        LooGLE(extra_metrics=["meteor"]).check_metrics()
    with pytest.raises(LookupError):
        meteor("a", "b")


@pytest.fixture(params=["bert", "roberta"])
def model(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a random model of two layers, and name it in the environment.

    Like the published models it has no pooler, for which random weights are drawn when it is loaded.
    """
    folder = tmp_path / str(request.param)
    shape = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if request.param == "bert":
            vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
            config = transformers.BertConfig(vocab_size=len(vocabulary), max_position_embeddings=34, **shape)
            transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
            tokenizer = transformers.BertTokenizer(vocab={word: number for number, word in enumerate(vocabulary)})
        else:
            letters = {letter: number for number, letter in enumerate((*SPECIAL, *sorted(ByteLevel.alphabet())))}
            config = transformers.RobertaConfig(vocab_size=len(letters), max_position_embeddings=34, **shape)
            transformers.RobertaModel(config, add_pooling_layer=False).save_pretrained(folder)
            tokenizer = transformers.RobertaTokenizer(vocab=letters, merges=[])
    tokenizer.save_pretrained(folder)
    monkeypatch.setenv(MODEL_VARIABLE, str(folder))
    return folder


def vectors(folder: Path, text: str) -> torch.Tensor:
    """Return the normalised vectors of the tokens of a text, straight from the model, with its two ends."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    # As before transformers 5, RoBERTa reads the first word like one in the middle of a text.
    ids = tokenizer(f" {text}", return_tensors="pt").input_ids
    with torch.no_grad():
        states = transformers.AutoModel.from_pretrained(folder)(ids).last_hidden_state[0]
    return torch.nn.functional.normalize(states, dim=-1)


def test_bert_score_is_the_share_of_the_prediction_that_the_reference_covers(model: Path) -> None:
    LooGLE(extra_metrics=["bert_score"]).check_metrics()
    similarity = vectors(model, "the mat sat")[1:-1] @ vectors(model, "a cat").T
    assert bert_score("the mat sat", "a cat") == pytest.approx(float(similarity.max(1).values.mean()), abs=1e-5)
    assert bert_score("the cat", "the cat") == pytest.approx(1, abs=1e-5)
    for text in ("", " \n", "\x00\udcff", "cat " * 500):
        assert 0 <= bert_score(text, "the cat") <= 1
    assert bert_score("", "the cat") == bert_score("the cat", "") == 0
    scores = LooGLE(extra_metrics=["bert_score"]).other_scores("a mat", Question("?", ("the mat",)))
    assert scores["bert_score"] == bert_score("a mat", "the mat")
    assert "meteor" not in scores


def test_loading_a_model_leaves_the_random_numbers_alone(model: Path) -> None:
    before = torch.get_rng_state()
    scorer(str(model))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("content", [None, {}])
def test_a_missing_or_broken_model_is_told_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: dict[str, str] | None
) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(json.dumps(content))
    monkeypatch.setenv(MODEL_VARIABLE, str(tmp_path))
    with pytest.raises(UsageError, match=f"hf download roberta-large.+{MODEL_VARIABLE}"):
        LooGLE(extra_metrics=["bert_score"]).check_metrics()


def test_a_missing_package_is_told_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bert_score", None)
    with pytest.raises(UsageError, match=r"pip install 'sparse-hub\[bert-score\]'"):
        LooGLE(extra_metrics=["bert_score"]).check_metrics()
