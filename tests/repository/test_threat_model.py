"""The threat model: each promise has an attack, and each attack has a promise with its verdict."""

from collections import Counter

import pytest
from attacks.attack import PROMISABLE, Attack
from attacks.catalogue import all_attacks, promises


@pytest.fixture(scope="module")
def found() -> list[Attack]:
    return all_attacks()


def test_every_promise_has_an_attack_and_every_attack_a_promise(found: list[Attack]) -> None:
    assert {attack.promise for attack in found} == set(promises())


def test_attacks_expect_a_verdict_that_their_promise_names(found: list[Attack]) -> None:
    page = promises()
    assert [one.name for one in found if one.verdict not in page[one.promise]] == []
    assert {verdict for verdicts in page.values() for verdict in verdicts} <= set(PROMISABLE)


def test_names_are_unique_within_a_target(found: list[Attack]) -> None:
    counts = Counter((attack.target.name, attack.name) for attack in found)
    assert [name for name, count in counts.items() if count > 1] == []
