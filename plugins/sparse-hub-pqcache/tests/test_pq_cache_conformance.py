"""The conformance kit on pq_cache."""

from sparse_hub_core.testing import masker_checks


@masker_checks("pq_cache")
def test_conformance(check):
    check()
