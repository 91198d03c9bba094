"""TFRecord files: framing, checksums, and the position of damage."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_formats import crc32c, masked, tfrecord

from supernet.errors import UserError
from supernet.published.formats.tfrecord import masked_crc32c, records

contents = st.lists(st.binary(max_size=40), max_size=5)
# The folder of a test may hold the file of its last example: each example replaces it.
one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def write(folder: Path, content: bytes) -> Path:
    path = folder / "a.tfrecord"
    path.write_bytes(content)
    return path


def test_checksum_of_the_standard_text() -> None:
    """The check value of CRC-32C in catalogues of such codes, and the empty text."""
    assert crc32c(b"123456789") == 0xE3069283
    assert masked_crc32c(b"123456789") == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) % 2**32
    assert masked_crc32c(b"") == 0xA282EAD8


@given(st.binary(max_size=100))
def test_checksum_is_that_of_the_bitwise_definition(data: bytes) -> None:
    assert masked_crc32c(data) == masked(data)


@one_folder
@given(contents)
def test_records_come_back_with_their_places(tmp_path: Path, written: list[bytes]) -> None:
    content = tfrecord(written)
    read = list(records(write(tmp_path, content)))
    assert [data for _, data in read] == written
    assert [offset for offset, _ in read] == [len(tfrecord(written[:number])) for number in range(len(written))]


@one_folder
@given(contents.filter(bool), st.data())
def test_any_changed_byte_is_noticed_in_its_record(tmp_path: Path, written: list[bytes], data: st.DataObject) -> None:
    content = bytearray(tfrecord(written))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    starts = [len(tfrecord(written[:number])) for number in range(len(written))]
    start = max(start for start in starts if start <= position)
    path = write(tmp_path, bytes(content))
    with pytest.raises(UserError, match=rf"a\.tfrecord: the record at byte {start} is damaged"):
        list(records(path))


@one_folder
@given(contents.filter(bool), st.data())
def test_a_cut_file_is_noticed_unless_cut_between_records(
    tmp_path: Path, written: list[bytes], data: st.DataObject
) -> None:
    content = tfrecord(written)
    end = data.draw(st.integers(0, len(content) - 1))
    whole = [number for number in range(len(written)) if len(tfrecord(written[:number])) == end]
    path = write(tmp_path, content[:end])
    if whole:
        assert [record for _, record in records(path)] == written[: whole[0]]
    else:
        with pytest.raises(UserError, match="is damaged: "):
            list(records(path))


def test_a_length_with_a_fitting_checksum_is_not_believed_beyond_the_file(tmp_path: Path) -> None:
    forged = (2**60).to_bytes(8, "little")
    path = write(tmp_path, forged + masked(forged).to_bytes(4, "little") + b"data")
    with pytest.raises(UserError, match=r"at byte 0 is damaged: it has 1152921504606846976 bytes, and the file ends"):
        list(records(path))


def test_records_before_a_damage_are_read(tmp_path: Path) -> None:
    content = tfrecord([b"first", b"second"])
    path = write(tmp_path, content[:-1] + b"?")
    found = records(path)
    assert next(found) == (0, b"first")
    with pytest.raises(UserError, match="the checksum of its data does not match; delete the file and fetch it again"):
        next(found)
