"""Crates: identifiers that are valid whatever the user types."""

import pytest

from supernet.audit.deposit.crate import licence_address, person
from supernet.errors import UserError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("MIT", "https://spdx.org/licenses/MIT"),
        ("CC BY 4.0", "https://spdx.org/licenses/CC-BY-4.0"),
        ("CC-BY-4.0", "https://spdx.org/licenses/CC-BY-4.0"),
        ("cc0 1.0", "https://spdx.org/licenses/CC0-1.0"),
        ("https://creativecommons.org/licenses/by/4.0/", "https://creativecommons.org/licenses/by/4.0/"),
    ],
)
def test_licences_become_addresses(text: str, address: str) -> None:
    assert licence_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "CC", "all rights reserved", "http://", "https://a b", "javascript:x", "file:///etc"]
)
def test_another_licence_is_refused_with_those_that_are_known(text: str) -> None:
    with pytest.raises(UserError, match=r"licence: found .*; expected an http\(s\) address, or one of .*CC-BY-4\.0"):
        licence_address(text)


def test_authors_have_a_name_and_may_have_an_address() -> None:
    assert person("A. Person") == {"name": "A. Person"}
    assert person(" Å. Person-Müller <a@example.org> ") == {"name": "Å. Person-Müller", "email": "a@example.org"}


@pytest.mark.parametrize("text", ["", " ", "<a@example.org>", "A <b", "A <b>", "A\nB", "<script>", "A <a@b> <c@d>"])
def test_other_forms_of_authors_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"author: found .*; expected a name"):
        person(text)
