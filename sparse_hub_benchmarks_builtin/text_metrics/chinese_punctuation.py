"""The punctuation that LongBench and InfiniteBench remove from Chinese texts."""

# ruff: noqa: RUF001

from __future__ import annotations

import string

# The official list leaves 《 in place and takes 》 away.
_CHINESE_PUNCTUATION = (
    "！？｡。＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､、〃"
    "》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟〰〾〿–—‘’‛“”„‟…‧﹏."
)
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation + _CHINESE_PUNCTUATION)


def without_punctuation(text: str) -> str:
    """Return a text without ASCII and Chinese punctuation."""
    return text.translate(_NO_PUNCTUATION)
