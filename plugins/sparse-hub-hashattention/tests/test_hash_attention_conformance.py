"""The conformance kit on hash_attention."""

from sparse_hub_core.testing import masker_checks


@masker_checks("hash_attention")
def test_conformance(check):
    check()
