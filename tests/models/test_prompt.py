from __future__ import annotations

import pytest

from sparse_hub_core import Question, Request, UsageError
from sparse_hub_core.models.loading import load_tokenizer
from sparse_hub_core.models.prompt import prompt_overhead, render_prompts
from sparse_hub_core.models.source import resolve_model
from sparse_hub_core.plugins import load_registry

QUESTIONS = (Question(" Who?", ("me",), answer_prefix=" It is"), Question(" Where?", ("here",)))


def texts(tokenizer, prompt):
    return tokenizer.decode(prompt.prefix), tokenizer.decode(prompt.suffix)


def test_a_plain_prompt_is_split_after_the_context(tokenizer):
    who, where = render_prompts(tokenizer, Request("r", "I was here.", QUESTIONS), 500)
    assert texts(tokenizer, who) == ("<s>I was here.", " Who? It is")
    assert texts(tokenizer, where) == ("<s>I was here.", " Where?")
    assert who.prefix_key == where.prefix_key
    assert who.prefix.count(tokenizer.bos_token_id) == 1


def test_a_chat_template_is_rendered_once_and_split_there(chat_tokenizer):
    who, _ = render_prompts(chat_tokenizer, Request("r", "I was here.", QUESTIONS), 500)
    assert texts(chat_tokenizer, who) == ("<s>[user]I was here.", " Who?[end][assistant] It is")
    assert who.prefix.count(chat_tokenizer.bos_token_id) == 1


def test_without_a_context_the_whole_first_turn_is_the_prefix(tokenizer, chat_tokenizer):
    plain = render_prompts(tokenizer, Request("r", "", QUESTIONS), 500)
    assert texts(tokenizer, plain[0]) == ("<s> Who?", " It is")
    assert texts(tokenizer, plain[1]) == ("<s> Where", "?")
    chat = render_prompts(chat_tokenizer, Request("r", "", QUESTIONS), 500)
    assert texts(chat_tokenizer, chat[1]) == ("<s>[user]Where?", "[end][assistant]")


@pytest.mark.parametrize("length", [30, 31, 60])
def test_a_long_context_is_cut_in_its_middle(tokenizer, length):
    context = "".join(chr(97 + index % 26) for index in range(200))
    prompt, _ = render_prompts(tokenizer, Request("r", context, QUESTIONS), length)
    assert prompt.truncated
    assert len(prompt.prefix) + len(prompt.suffix) == length + 1
    kept = tokenizer.decode(prompt.prefix, skip_special_tokens=True)
    half = len(kept) // 2
    assert context.startswith(kept[:half])
    assert context.endswith(kept[half:])


def test_the_overhead_is_what_template_and_special_tokens_add(tokenizer, chat_tokenizer):
    assert prompt_overhead(tokenizer) == 1
    assert prompt_overhead(chat_tokenizer) == 1 + len("[user][end][assistant]")


def test_a_template_that_drops_the_text_is_told(chat_tokenizer):
    from copy import deepcopy

    from sparse_hub_core import ModelError

    broken = deepcopy(chat_tokenizer)
    broken.chat_template = "nothing of the user"
    with pytest.raises(ModelError, match="0 times instead of once"):
        render_prompts(broken, Request("r", "context", QUESTIONS), 500)


def test_a_completion_goes_without_the_chat_template(tokenizer, chat_tokenizer):
    def prompt(tokenizer, as_chat):
        question = Question("What?", ("x",), answer_prefix="It is", as_chat=as_chat)
        return render_prompts(tokenizer, Request("r", "The context. " * 3, (question,)), 200)[0]

    assert prompt(chat_tokenizer, as_chat=False) == prompt(tokenizer, as_chat=True)
    assert prompt(chat_tokenizer, as_chat=False) != prompt(chat_tokenizer, as_chat=True)


@pytest.mark.parametrize("context", ["The <<sparse-hub-split>> stands in a context. ", "plain "])
@pytest.mark.parametrize("question", [" What is <<sparse-hub-split>> or <<sparse-hub-split-0>>?", " What?"])
def test_a_text_may_hold_the_separator(tokenizer, chat_tokenizer, context, question):
    for each in (tokenizer, chat_tokenizer):
        (prompt,) = render_prompts(each, Request("r", context * 3, (Question(question, ("x",)),)), 500)
        said = each.decode([*prompt.prefix, *prompt.suffix])
        assert (context * 3).strip() in said
        assert question in said
        assert not prompt.truncated


@pytest.mark.parametrize("text", ["some plain words ", "混合的文字。", "a 🦊 and an é ", "\n\n  \t x"])
@pytest.mark.parametrize("length", [40, 57, 120])
def test_a_prompt_that_was_cut_keeps_to_the_length(text, length):
    tokenizer = load_tokenizer(resolve_model(load_registry(), "demo"))
    (prompt,) = render_prompts(tokenizer, Request("r", text * 200, (Question(" Who?", ("x",)),)), length)
    assert prompt.truncated
    assert length - 12 <= len(prompt.prefix) + len(prompt.suffix) <= length + prompt_overhead(tokenizer)


def test_a_question_that_is_too_long_is_refused(tokenizer):
    with pytest.raises(UsageError, match="whose question takes 60; raise"):
        render_prompts(tokenizer, Request("r", "", (Question("?" * 60, ("x",)),)), 50)
