"""Hashes against their reference implementations."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supernet.provenance.hashes import ALGORITHMS, digests


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_a_blob_has_the_name_that_git_gives_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "content"
    path.write_bytes(content)
    named = subprocess.run(["git", "hash-object", "--stdin"], input=content, capture_output=True, check=True)
    assert digests(path, ["git_blob"]) == {"git_blob": named.stdout.decode().strip()}


def test_known_texts(tmp_path: Path) -> None:
    """FIPS 180-4 and RFC 1321; the blob is git's well-known one of an empty file."""
    (tmp_path / "abc").write_bytes(b"abc")
    found = digests(tmp_path / "abc", ALGORITHMS)
    assert found["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert found["md5"] == "900150983cd24fb0d6963f7d28e17f72"
    assert list(found) == list(ALGORITHMS)
    (tmp_path / "empty").write_bytes(b"")
    assert digests(tmp_path / "empty", ["git_blob"])["git_blob"] == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_files_longer_than_a_block(tmp_path: Path, size: int) -> None:
    content = b"x" * size
    (tmp_path / "long").write_bytes(content)
    assert digests(tmp_path / "long", ["sha256"]) == {"sha256": hashlib.sha256(content).hexdigest()}
