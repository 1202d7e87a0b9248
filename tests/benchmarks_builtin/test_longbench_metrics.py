"""LongBench's metrics agree with the official code on every golden record, and stand whatever a model says."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_hub_benchmarks_builtin.longbench.metrics.chinese import qa_f1_zh, rouge_l_zh
from sparse_hub_benchmarks_builtin.longbench.metrics.classification import classification
from sparse_hub_benchmarks_builtin.longbench.metrics.code import code_similarity
from sparse_hub_benchmarks_builtin.longbench.metrics.numbers import count, retrieval, retrieval_zh
from sparse_hub_benchmarks_builtin.longbench.scoring import MAX_CHARACTERS, length_bucket, score
from sparse_hub_benchmarks_builtin.longbench.tasks import TASK_OF_SUBSET, TASKS
from sparse_hub_benchmarks_builtin.text_metrics.rouge_l import rouge_l
from sparse_hub_benchmarks_builtin.text_metrics.token_f1 import token_f1

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "longbench.json").read_text(encoding="utf-8"))
METRICS = {
    "qa_f1_score": token_f1,
    "rouge_score": lambda prediction, reference: rouge_l(prediction, reference).f,
    "qa_f1_zh_score": qa_f1_zh,
    "rouge_zh_score": rouge_l_zh,
    "classification_score": classification,
    "retrieval_score": retrieval,
    "retrieval_zh_score": retrieval_zh,
    "count_score": count,
    "code_sim_score": code_similarity,
}
RECORDS = [(name, record) for name in METRICS for record in GOLDEN["records"][name]]
NAMES = {
    "qa_f1": "qa_f1_score",
    "rouge_l": "rouge_score",
    "qa_f1_zh": "qa_f1_zh_score",
    "rouge_l_zh": "rouge_zh_score",
    "classification": "classification_score",
    "retrieval": "retrieval_score",
    "retrieval_zh": "retrieval_zh_score",
    "count": "count_score",
    "code_similarity": "code_sim_score",
}


@pytest.mark.parametrize(("name", "record"), RECORDS, ids=lambda value: value if isinstance(value, str) else "")
def test_metric_is_the_official_one(name, record):
    classes = [record["all_classes"]] if "all_classes" in record else []
    # The two records on which the official code raises have a reference without a paragraph, which nothing matches.
    expected = record.get("score", 0.0)
    assert METRICS[name](record["prediction"], record["ground_truth"], *classes) == pytest.approx(expected, abs=1e-9)


def test_the_official_code_raises_where_it_is_known_to():
    raising = [(name, record["ground_truth"]) for name, record in RECORDS if "raises" in record]
    assert raising == [("retrieval_score", "Paragraph7"), ("retrieval_zh_score", "段落 12")]
    assert len(RECORDS) == 481


@pytest.mark.parametrize("record", GOLDEN["records"]["dataset_scorer"], ids=lambda record: record["dataset"])
def test_scores_of_a_dataset_are_the_official_ones(record):
    task = TASK_OF_SUBSET[record["dataset"]]
    assert NAMES[task.metric] == record["metric"]
    scores = [
        score(task, prediction, answers, record["all_classes"] or ())
        for prediction, answers in zip(record["predictions"], record["answers"], strict=True)
    ]
    assert [round(value, 2) for value in scores] == record["per_sample_score_times_100"]
    assert round(sum(scores) / len(scores), 2) == record["dataset_score"]
    by_length = {name: [] for name in record["e_scores"]}
    for value, length in zip(scores, record["e_lengths"], strict=True):
        by_length[length_bucket(length)].append(value)
    assert {name: round(sum(values) / len(values), 2) for name, values in by_length.items()} == record["e_scores"]


def test_tasks_are_the_official_ones():
    assert {task.name: NAMES[task.metric] for task in TASKS} == GOLDEN["dataset_to_metric"]
    assert {task.name: task.max_new_tokens for task in TASKS} == GOLDEN["max_new_tokens"]
    assert {task.name for task in TASKS if task.first_line} == set(GOLDEN["first_line_datasets"])
    assert sum(task.by_length for task in TASKS) == 13


@pytest.mark.parametrize(
    ("length", "bucket"), [(0, "0-4k"), (3999, "0-4k"), (4000, "4-8k"), (7999, "4-8k"), (8000, "8k+"), (10**6, "8k+")]
)
def test_length_bucket(length, bucket):
    assert length_bucket(length) == bucket


def test_without_a_reference_nothing_scores():
    assert score(TASK_OF_SUBSET["hotpotqa"], "anything", (), ()) == 0.0


WORDS = st.lists(st.sampled_from(["a", "b", "c", "dd", " ", "  ", ". ", ".", "\n", " a ", " b "]), max_size=40)


@given(WORDS.map("".join), WORDS.map("".join))
def test_rouge_l_equals_the_package(prediction, reference):
    from rouge import Rouge

    try:
        expected = Rouge().get_scores([prediction], [reference], avg=True)["rouge-l"]
    except ValueError:
        expected = {"r": 0.0, "p": 0.0, "f": 0.0}
    found = rouge_l(prediction, reference)
    assert (found.recall, found.precision, found.f) == (expected["r"], expected["p"], expected["f"])


def test_rouge_l_scores_sentences_on_which_the_package_recurses_too_deep():
    sentence = " ".join(f"w{number}" for number in range(700))
    assert rouge_l(sentence + " x" * 700, sentence).recall == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "word " * 20_000,
        "ab" * 100_000,
        "龘" * 50_000,
        "看守人。" * 20_000,
        "." * 100_000,
        "7 " * 50_000,
        "\n" * 100_000,
        "\x00\x1f\ud800",
        "(" * 50_000,
    ],
    ids=lambda text: ascii(text[:4]),
)
@pytest.mark.parametrize("metric", sorted(NAMES))
def test_hostile_predictions_are_scored_in_seconds(metric, text):
    task = next(task for task in TASKS if task.metric == metric)
    start = time.perf_counter()
    value = score(task, text, ("        return self.total_of_all_items", "看守人用琥珀树脂修好了透镜" * 10), ("a", "b"))
    assert 0.0 <= value <= 100.0
    assert time.perf_counter() - start < 5.0


def test_predictions_are_cut_where_no_real_one_reaches():
    task = TASK_OF_SUBSET["passage_count"]
    assert score(task, "x" * MAX_CHARACTERS + " 5", ("5",), ()) == 0.0
    assert score(task, "x" * (MAX_CHARACTERS - 2) + " 5", ("5",), ()) == 100.0
    # No token of the usual vocabularies decodes to that many characters on average.
    assert max(task.max_new_tokens for task in TASKS) * 16 < MAX_CHARACTERS


JIEBA = """
from sparse_hub_benchmarks_builtin.longbench.metrics.chinese import qa_f1_zh
print(round(qa_f1_zh("灯塔看守人用琥珀树脂修好了裂开的透镜。", "看守人用琥珀树脂修好了透镜"), 3))
"""


def test_jieba_is_quiet_and_does_without_a_cache(tmp_path):
    # A cache of another's making would be read by jieba itself, and breaks it.
    cache = tmp_path / "jieba.cache"
    cache.write_bytes(random.Random(0).randbytes(100))
    command = [sys.executable, "-W", "error", "-X", f"pycache_prefix={tmp_path / 'bytecode'}", "-c", JIEBA]
    environment = {"TMPDIR": str(tmp_path), "PATH": "", "PYTHONIOENCODING": "utf-8"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (result.stdout, result.stderr) == ("0.824\n", "")
    assert cache.read_bytes() == random.Random(0).randbytes(100)
    assert {path.name for path in tmp_path.iterdir()} == {"jieba.cache", "bytecode"}
