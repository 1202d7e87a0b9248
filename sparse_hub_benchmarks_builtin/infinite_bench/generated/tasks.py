"""The subsets that can be generated."""

from __future__ import annotations

from sparse_hub_benchmarks_builtin.generating.sample import Task
from sparse_hub_benchmarks_builtin.infinite_bench.generated.functions import CODE_RUN
from sparse_hub_benchmarks_builtin.infinite_bench.generated.key_values import KV_RETRIEVAL
from sparse_hub_benchmarks_builtin.infinite_bench.generated.noise import NUMBER_STRING, PASSKEY
from sparse_hub_benchmarks_builtin.infinite_bench.generated.number_list import MATH_FIND

GENERATED: dict[str, Task] = {
    "passkey_generated": PASSKEY,
    "number_string_generated": NUMBER_STRING,
    "kv_retrieval_generated": KV_RETRIEVAL,
    "math_find_generated": MATH_FIND,
    "code_run_generated": CODE_RUN,
}
