"""Downloads from a real server that closes connections, changes files, stalls, redirects in loops and lies."""

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkouts import ROOT
from http_server import Server, part, redirect, stalled, status, unmeasured, whole

from supernet.download.fetch import UnavailableError, fetch, fetch_first
from supernet.download.meter import Meter
from supernet.download.sources import File
from supernet.download.transfer import Network
from supernet.download.trust import UnreadableError, WrongHashError
from supernet.errors import UserError

BODY = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(300_000)
PATH = "space/a.bin"


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def described(*urls: str, **fields: Any) -> File:
    """Return a file of the sources, pinned to BODY by default."""
    values = {"path": PATH, "title": "a file", "licence": "none", "source": "nowhere", "urls": urls}
    values |= {"hash": {"sha256": sha256(BODY)}, "max_size": 1_000_000} | fields
    return File.model_validate(values)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


class Place:
    """The folder of a test's downloads, with the reports and waits that happened."""

    def __init__(self, folder: Path) -> None:
        self.downloads, self.lock, self.path = folder / "downloads", folder / "lock.json", folder / "downloads" / PATH
        self.lines: list[str] = []
        self.pauses: list[float] = []
        self.opened: list[str] = []
        self.network = Network(connect_timeout=5, read_timeout=5, attempts=3, sleep=self.pauses.append)

    def opens(self, path: Path) -> None:
        """Stand for a reader, which expects anything but a page."""
        self.opened.append(path.name)
        if path.read_bytes().startswith(b"<html>"):
            raise UserError(f"{path}: not a table")

    def fetch(self, file: File, mirror: str | None = None) -> Any:
        return fetch(file, self.downloads, mirror, self.lock, self.opens, self.lines.append, self.network)

    def first(self, forms: dict[str, list[File]], mirror: str | None = None) -> Any:
        opens = lambda form, path: self.opens(path)  # noqa: E731
        return fetch_first("a table", forms, self.downloads, mirror, self.lock, opens, self.lines.append, self.network)

    def put(self, body: bytes) -> None:
        """Write the file by hand."""
        self.path.parent.mkdir(parents=True)
        self.path.write_bytes(body)

    def leave(self, body: bytes, url: str) -> None:
        """Write what a killed download of version v1 leaves."""
        self.path.parent.mkdir(parents=True)
        self.path.with_name("a.bin.part").write_bytes(body)
        self.path.with_name("a.bin.part.json").write_text(json.dumps({"url": url, "validator": '"v1"'}))

    def names(self) -> list[str]:
        return sorted(path.name for path in self.path.parent.iterdir())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return Place(tmp_path)


# Complete downloads


def test_a_download_is_checked_and_has_only_its_own_name(server: Server, place: Place) -> None:
    url = server.serve("/a", whole(BODY))
    fetched = place.fetch(described(url, size=len(BODY), max_size=None))
    assert fetched.path == place.path and place.path.read_bytes() == BODY
    assert (fetched.algorithm, fetched.digest, fetched.size) == ("sha256", sha256(BODY), len(BODY))
    assert (fetched.origin, fetched.first_use) == (url, False)
    assert place.names() == ["a.bin", "a.bin.origin.json"]
    assert not place.lock.exists()


def test_a_kept_file_is_used_again_and_remembers_where_it_came_from(server: Server, place: Place) -> None:
    file = described(server.serve("/a", whole(BODY)))
    first = place.fetch(file)
    assert place.fetch(file) == first
    assert len(server.seen) == 1


def test_a_file_put_there_by_hand_is_used(place: Place) -> None:
    place.put(BODY)
    fetched = place.fetch(described(manual="ask for it"))
    assert fetched.origin == "put there by hand" and fetched.digest == sha256(BODY)


def test_all_given_hashes_are_checked(server: Server, place: Place) -> None:
    url = server.serve("/a", whole(BODY))
    good = {"sha256": sha256(BODY), "md5": hashlib.md5(BODY).hexdigest()}
    assert place.fetch(described(url, hash=good)).algorithm == "sha256"
    place.path.unlink()
    with pytest.raises(WrongHashError, match=f"found md5 {good['md5']}, expected {'0' * 32}"):
        place.fetch(described(url, hash=good | {"md5": "0" * 32}))


def test_headers_go_to_their_host_alone(server: Server, place: Place) -> None:
    raw = {"Accept": "application/vnd.github.raw+json"}
    urls = server.serve("/a", status(404)), "http://other.invalid/a"
    with pytest.raises(UnavailableError):
        place.fetch(described(*urls, headers={"127.0.0.1": raw, "other.invalid": {"X-Other": "1"}}))
    (headers,) = server.headers("/a")
    assert headers["Accept"] == raw["Accept"] and "X-Other" not in headers
    assert headers["Accept-Encoding"] == "identity"


# Interrupted and resumed


def test_a_cut_download_goes_on_where_it_was_cut(server: Server, place: Place) -> None:
    place.fetch(described(server.serve("/a", whole(BODY, cut=100_000), whole(BODY, cut=50_000), whole(BODY))))
    assert place.path.read_bytes() == BODY
    assert [headers.get("Range") for headers in server.headers("/a")] == [None, "bytes=100000-", "bytes=150000-"]
    assert [headers.get("If-Range") for headers in server.headers("/a")] == [None, '"v1"', '"v1"']
    # Each attempt received some bytes, so the pause does not grow.
    assert place.pauses == [1, 1]


def test_tries_that_bring_something_are_not_counted(server: Server, place: Place) -> None:
    place.fetch(described(server.serve("/a", whole(BODY, cut=70_000))))
    assert place.path.read_bytes() == BODY and len(server.seen) == 5 > place.network.attempts


def test_a_server_without_ranges_starts_again(server: Server, place: Place) -> None:
    place.fetch(described(server.serve("/a", whole(BODY, cut=100_000), whole(BODY, ranges=False))))
    assert place.path.read_bytes() == BODY
    assert "Range" in server.headers("/a")[1]


def test_a_server_without_versions_is_not_asked_for_a_rest(server: Server, place: Place) -> None:
    place.fetch(described(server.serve("/a", whole(BODY, etag=None, cut=100_000), whole(BODY, etag=None))))
    assert place.path.read_bytes() == BODY
    assert "Range" not in server.headers("/a")[1]


def test_a_file_that_changed_meanwhile_is_not_mixed(server: Server, place: Place) -> None:
    url = server.serve("/a", whole(OTHER, etag='"old"', cut=100_000), whole(BODY, etag='"new"'))
    assert place.fetch(described(url)).digest == sha256(BODY)
    assert server.headers("/a")[1]["If-Range"] == '"old"'


def test_the_part_of_another_address_is_not_gone_on_with(server: Server, place: Place) -> None:
    first = server.serve("/a", whole(OTHER, cut=100_000), status(500))
    second = server.serve("/b", whole(BODY))
    assert place.fetch(described(first, second)).origin == second
    assert "Range" not in server.headers("/b")[0]


def test_another_part_than_the_one_asked_for_is_refused(server: Server, place: Place) -> None:
    answers = whole(BODY, cut=100_000), part(BODY[:10], 0, len(BODY)), whole(BODY)
    assert place.fetch(described(server.serve("/a", *answers))).digest == sha256(BODY)
    assert [headers.get("Range") for headers in server.headers("/a")] == [None, "bytes=100000-", None]


def test_a_part_that_is_whole_already_is_taken(server: Server, place: Place) -> None:
    url = server.serve("/a", whole(BODY))
    place.leave(BODY, url)
    assert place.fetch(described(url)).digest == sha256(BODY)
    assert [headers["Range"] for headers in server.headers("/a")] == ["bytes=300000-"]


def test_a_part_that_is_longer_than_the_file_is_dropped(server: Server, place: Place) -> None:
    url = server.serve("/a", whole(BODY))
    place.leave(BODY + b"more", url)
    assert place.fetch(described(url)).digest == sha256(BODY)
    assert place.names() == ["a.bin", "a.bin.origin.json"]


CHILD = """
import sys
from pathlib import Path
from supernet.download.fetch import fetch
from supernet.download.sources import File
folder = Path(sys.argv[1])
fetch(File.model_validate_json(sys.argv[2]), folder / "downloads", None, folder / "lock.json", lambda path: None)
"""


def test_a_killed_process_is_gone_on_with(server: Server, place: Place, tmp_path: Path) -> None:
    file = described(server.serve("/a", stalled(BODY, 200_000, server.closing), whole(BODY)))
    unfinished = place.path.with_name("a.bin.part")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CHILD, str(tmp_path), file.model_dump_json()]
    with subprocess.Popen(command, env=environment) as child:
        deadline = time.monotonic() + 30
        while not (unfinished.exists() and unfinished.stat().st_size >= 100_000):
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
    there = unfinished.stat().st_size
    assert not place.path.exists()
    assert place.fetch(file).digest == sha256(BODY)
    assert server.headers("/a")[1]["Range"] == f"bytes={there}-"


def test_two_at_once_download_once(server: Server, place: Place) -> None:
    release = threading.Event()
    file = described(server.serve("/a", stalled(BODY, 100_000, release)))

    def report(line: str) -> None:
        if "another process" in line:
            release.set()

    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(fetch, file, place.downloads, None, place.lock, place.opens, report) for _ in range(2)]
        waited = release.wait(30)
        release.set()
        assert jobs[0].result() == jobs[1].result()
    assert waited and len(server.seen) == 1


def test_what_another_process_fetched_meanwhile_is_used(server: Server, place: Place) -> None:
    late = described(server.serve("/b", whole(BODY)), path="late.bin")
    forms = {"official": [described(server.serve("/a", status(404)))], "late": [late]}

    def report(line: str) -> None:
        if "HTTP 404" in line:
            (place.downloads / "late.bin").write_bytes(BODY)

    opened: Callable[[str, Path], None] = lambda form, path: None  # noqa: E731
    found = fetch_first("a table", forms, place.downloads, None, place.lock, opened, report, place.network)
    assert found.form == "late" and server.headers("/b") == []


def test_a_file_system_without_locks_is_an_error(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(UserError, match=r"cannot be locked.*No locks available; use a folder"):
        place.fetch(described("http://127.0.0.1/a"))


# Servers that fail


def test_a_server_that_recovers(server: Server, place: Place) -> None:
    place.fetch(described(server.serve("/a", status(500), status(429), whole(BODY))))
    assert place.path.read_bytes() == BODY
    assert place.pauses == [1, 2]
    assert any("HTTP 500; retrying in 1 s" in line for line in place.lines)


def test_a_server_that_does_not(server: Server, place: Place) -> None:
    url = server.serve("/a", status(500))
    with pytest.raises(UnavailableError, match=f"{url}: HTTP 500; tried 3 times"):
        place.fetch(described(url))
    assert len(server.seen) == 3 and place.pauses == [1, 2]
    assert not place.path.exists()


def test_pauses_end_growing(server: Server, place: Place) -> None:
    place.network = replace(place.network, attempts=6, longest_pause=3)
    with pytest.raises(UnavailableError):
        place.fetch(described(server.serve("/a", status(503))))
    assert place.pauses == [1, 2, 3, 3, 3]


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_what_is_not_there_is_asked_for_once(server: Server, place: Place, code: int) -> None:
    with pytest.raises(UnavailableError, match=f"HTTP {code}"):
        place.fetch(described(server.serve("/a", status(code))))
    assert len(server.seen) == 1


def test_the_next_address_is_tried(server: Server, place: Place) -> None:
    good = server.serve("/b", whole(BODY))
    assert place.fetch(described(server.serve("/a", status(404)), good)).origin == good


def test_a_silent_server_is_given_up(server: Server, place: Place) -> None:
    place.network = replace(place.network, read_timeout=0.1, attempts=2)
    with pytest.raises(UnavailableError, match=r"no data for 0\.1 s; tried 2 times"):
        place.fetch(described(server.serve("/a", stalled(BODY, 0, server.closing))))


def test_a_server_that_falls_silent_is_gone_on_with(server: Server, place: Place) -> None:
    place.network = replace(place.network, read_timeout=1)
    place.fetch(described(server.serve("/a", stalled(BODY, 200_000, server.closing), whole(BODY))))
    assert place.path.read_bytes() == BODY
    assert int(server.headers("/a")[1]["Range"].removeprefix("bytes=").removesuffix("-")) >= 100_000


def test_no_server_listens(place: Place) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/a"
        with pytest.raises(UnavailableError, match=r"no connection \(.*refused\); tried 3 times"):
            place.fetch(described(url))


def test_a_redirection_is_followed(server: Server, place: Place) -> None:
    server.serve("/b", whole(BODY))
    url = server.serve("/a", redirect("/b"))
    assert place.fetch(described(url)).origin == url


def elsewhere(url: str) -> str:
    """Return another name of this machine, which counts as another host."""
    return url.replace("127.0.0.1", "localhost")


def test_headers_stay_with_their_host(server: Server, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    file = described(
        server.serve("/a", redirect("/b")), headers={"127.0.0.1": {"X-Secret": "s", "Authorization": "Bearer s"}}
    )
    server.serve("/b", redirect(elsewhere(server.address) + "/c"))
    server.serve("/c", redirect(server.address + "/d"))
    server.serve("/d", whole(BODY))
    place.fetch(file)
    sent = {path: "X-Secret" in headers and "Authorization" in headers for path, headers in server.seen}
    assert sent == {"/a": True, "/b": True, "/c": False, "/d": True}


def test_headers_do_not_reach_another_port(server: Server, place: Place) -> None:
    with Server() as other:
        file = described(
            server.serve("/a", redirect(other.serve("/b", whole(BODY)))), headers={"127.0.0.1": {"X-Secret": "s"}}
        )
        place.fetch(file)
        assert "X-Secret" not in other.headers("/b")[0]


INVALID = {
    "http://[::1": "not a valid address",
    "http://a:99999/": "not a valid address",
    f"http://{'a' * 70}.invalid/": "not a valid address|no connection",
    "file:///etc/passwd": "expected an http or https address",
    "javascript:alert(1)": "expected an http or https address",
}


@pytest.mark.parametrize(("location", "message"), INVALID.items())
def test_a_redirection_to_no_address_is_an_error(server: Server, place: Place, location: str, message: str) -> None:
    with pytest.raises(UnavailableError, match=message):
        place.fetch(described(server.serve("/a", redirect(location))))


@pytest.mark.parametrize("url", ["http://a:99999/", "http://.invalid/"])
def test_an_address_that_is_none_is_an_error(place: Place, url: str) -> None:
    with pytest.raises(UnavailableError, match=r"not a valid address|no connection"):
        place.fetch(described(url))


def test_a_mirror_that_is_no_address_is_an_error(place: Place) -> None:
    with pytest.raises(UserError, match="mirror: not a valid address"):
        place.fetch(described(manual="ask"), "http://[::1")


NOW = 1_000_000_000  # Sun, 09 Sep 2001 01:46:40 GMT


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        ("20", 20),
        ("0", 1),
        ("300", 300),
        ("Sun, 09 Sep 2001 01:47:10 GMT", 30),
        ("Sunday, 09-Sep-01 01:47:10 GMT", 30),
        ("Sun, 09 Sep 2001 01:00:00 GMT", 1),
        ("soon", 1),
        ("-5", 1),
        ("9" * 400, 1),
    ],
)
@pytest.mark.parametrize("code", [429, 503])
def test_the_pause_that_a_server_asks_for_is_kept(
    server: Server, place: Place, asked: str, pause: float, code: int
) -> None:
    place.network = replace(place.network, clock=lambda: NOW)
    place.fetch(described(server.serve("/a", status(code, {"Retry-After": asked}), whole(BODY))))
    assert place.pauses == [pause]


@pytest.mark.parametrize("asked", ["301", "Sun, 09 Sep 2001 02:46:40 GMT"])
def test_a_server_that_asks_for_a_long_pause_is_not_waited_for(server: Server, place: Place, asked: str) -> None:
    place.network = replace(place.network, clock=lambda: NOW)
    with pytest.raises(UnavailableError, match=r"HTTP 503: the server asks to wait for \d+ s; try again then"):
        place.fetch(described(server.serve("/a", status(503, {"Retry-After": asked}))))
    assert place.pauses == []


@pytest.mark.parametrize("length", ["\u00b2", "9" * 5000, "-1", "1e3"])
def test_a_length_that_is_no_number_is_not_used(server: Server, place: Place, length: str) -> None:
    server.serve("/a", status(200, {"Content-Length": length}, BODY))
    with contextlib.suppress(UnavailableError):
        place.fetch(described(server.address + "/a"))


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"url": 1}', "\0"])
def test_the_note_of_a_part_can_be_damaged(server: Server, place: Place, note: str) -> None:
    url = server.serve("/a", whole(BODY))
    place.leave(BODY[:1000], url)
    place.path.with_name("a.bin.part.json").write_text(note)
    place.fetch(described(url))
    place.path.with_name("a.bin.origin.json").write_text(note)
    assert place.fetch(described(url)).origin == "put there by hand"


def test_a_redirection_in_a_circle_is_not(server: Server, place: Place) -> None:
    server.serve("/b", redirect("/a"))
    with pytest.raises(UnavailableError, match="redirected more than 10 times"):
        place.fetch(described(server.serve("/a", redirect("/b"))))
    assert len(server.seen) == 11


# Wrong sizes and contents


def test_a_file_that_says_it_is_too_large_is_not_read(server: Server, place: Place) -> None:
    with pytest.raises(UnavailableError, match="has 300000 bytes, more than the limit of 200000"):
        place.fetch(described(server.serve("/a", whole(BODY)), max_size=200_000))
    assert place.names() == []


def test_a_file_that_does_not_say_so_is_stopped(server: Server, place: Place) -> None:
    with pytest.raises(UnavailableError, match="is larger than the limit of 200000 bytes"):
        place.fetch(described(server.serve("/a", unmeasured(BODY)), max_size=200_000))
    assert place.names() == [] and place.pauses == []


def test_a_length_is_not_required(server: Server, place: Place) -> None:
    assert place.fetch(described(server.serve("/a", unmeasured(BODY)))).size == len(BODY)


def test_another_size_than_the_known_one_is_not_read(server: Server, place: Place) -> None:
    with pytest.raises(UnavailableError, match="has 300000 bytes, expected 300001"):
        place.fetch(described(server.serve("/a", whole(BODY)), size=300_001, max_size=None))
    with pytest.raises(UnavailableError, match="ended after 300000 of 300001 bytes; tried 3 times"):
        place.fetch(described(server.serve("/b", unmeasured(BODY)), size=300_001, max_size=None))


def test_a_wrong_hash_names_both_and_deletes_nothing_that_was_good(server: Server, place: Place) -> None:
    place.put(b"the content of an earlier version")
    url = server.serve("/a", whole(OTHER))
    with pytest.raises(WrongHashError) as caught:
        place.fetch(described(url))
    assert f"{PATH} from {url}: found sha256 {sha256(OTHER)}, expected {sha256(BODY)}" in str(caught.value)
    assert place.path.read_bytes() == b"the content of an earlier version"
    assert place.names() == ["a.bin"]


def test_a_wrong_hash_is_mended_by_the_next_address(server: Server, place: Place) -> None:
    good = server.serve("/b", whole(BODY))
    assert place.fetch(described(server.serve("/a", whole(OTHER)), good)).origin == good


def test_a_kept_file_that_was_changed_is_fetched_again(server: Server, place: Place) -> None:
    file = described(server.serve("/a", whole(BODY)))
    place.fetch(file)
    place.path.write_bytes(BODY[:-1])
    assert place.fetch(file).digest == sha256(BODY)
    assert place.path.read_bytes() == BODY
    assert any("not used" in line for line in place.lines)


# Mirrors


def test_a_folder_is_asked_before_any_address(server: Server, place: Place, tmp_path: Path) -> None:
    copy = tmp_path / "mirror" / PATH
    copy.parent.mkdir(parents=True)
    copy.write_bytes(BODY)
    fetched = place.fetch(described(server.serve("/a", whole(OTHER))), str(tmp_path / "mirror"))
    assert fetched.origin == str(copy) and place.path.read_bytes() == BODY
    assert server.seen == []


def test_an_address_can_be_a_mirror(server: Server, place: Place) -> None:
    server.serve(f"/data/{PATH}", whole(BODY))
    fetched = place.fetch(described(manual="ask"), f"{server.address}/data/")
    assert fetched.origin == f"{server.address}/data/{PATH}"


def test_a_mirror_that_lacks_the_file_is_passed_over(server: Server, place: Place, tmp_path: Path) -> None:
    url = server.serve("/a", whole(BODY))
    assert place.fetch(described(url), server.address).origin == url
    place.path.unlink()
    assert place.fetch(described(url), str(tmp_path)).origin == url
    assert [path for path, _ in server.seen] == [f"/{PATH}", "/a", "/a"]


@pytest.mark.parametrize("kind", ["folder", "address"])
def test_a_mirror_with_another_file_is_an_error(server: Server, place: Place, tmp_path: Path, kind: str) -> None:
    copy = tmp_path / "mirror" / PATH
    copy.parent.mkdir(parents=True)
    copy.write_bytes(OTHER)
    server.serve(f"/{PATH}", whole(OTHER))
    mirror = str(tmp_path / "mirror") if kind == "folder" else server.address
    with pytest.raises(WrongHashError, match=f"found sha256 {sha256(OTHER)}, expected {sha256(BODY)}"):
        place.fetch(described(server.serve("/a", whole(BODY))), mirror)
    assert server.headers("/a") == [] and place.names() == []


def test_a_mirror_that_is_not_there_is_an_error(place: Place, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mirror .*nowhere: no such folder"):
        place.fetch(described("http://127.0.0.1/a"), str(tmp_path / "nowhere"))


def test_a_mirrors_file_that_is_too_large_is_not_copied(place: Place, tmp_path: Path) -> None:
    copy = tmp_path / "mirror" / PATH
    copy.parent.mkdir(parents=True)
    copy.write_bytes(BODY)
    with pytest.raises(UserError, match="found 300000 bytes, expected at most 200000"):
        place.fetch(described(manual="ask", max_size=200_000), str(tmp_path / "mirror"))


# Trust on first use


def test_the_first_content_is_recorded_and_enforced(server: Server, place: Place) -> None:
    url = server.serve("/a", whole(BODY), whole(OTHER))
    file = described(url, hash={})
    fetched = place.fetch(file)
    assert fetched.first_use and fetched.digest == sha256(BODY)
    assert json.loads(place.lock.read_text()) == {PATH: {"sha256": sha256(BODY), "size": len(BODY), "origin": url}}
    assert not place.fetch(file).first_use

    place.path.unlink()
    with pytest.raises(WrongHashError) as caught:
        place.fetch(file)
    assert f"found sha256 {sha256(OTHER)}, expected {sha256(BODY)}" in str(caught.value)
    assert f"if the new file is right, delete '{PATH}' from {place.lock}" in str(caught.value)

    place.lock.write_text("{}")
    assert place.fetch(file).digest == sha256(OTHER)


def test_a_first_use_can_be_one_by_hand(place: Place) -> None:
    place.put(BODY)
    assert place.fetch(described(manual="ask", hash={})).first_use
    place.path.write_bytes(OTHER)
    with pytest.raises(UnavailableError, match=f"found sha256 {sha256(OTHER)}, expected {sha256(BODY)}"):
        place.fetch(described(manual="ask", hash={}))


PAGE = b"<html>sign in to this network</html>"


def test_a_page_in_place_of_the_first_content_is_not_trusted(server: Server, place: Place) -> None:
    file = described(server.serve("/a", whole(PAGE), whole(BODY)), hash={})
    message = f"^{PATH} from {file.urls[0]}: not the expected file: {file.urls[0]}: not a table"
    with pytest.raises(WrongHashError, match=message):
        place.fetch(file)
    assert place.names() == [] and not place.lock.exists()
    assert place.fetch(file).digest == sha256(BODY)
    assert json.loads(place.lock.read_text())[PATH]["sha256"] == sha256(BODY)


def test_after_a_page_the_next_address_is_asked(server: Server, place: Place) -> None:
    good = server.serve("/b", whole(BODY))
    assert place.fetch(described(server.serve("/a", whole(PAGE)), good, hash={})).origin == good


def test_a_page_put_there_by_hand_or_in_a_mirror_is_not_trusted(server: Server, place: Place, tmp_path: Path) -> None:
    place.put(PAGE)
    good = server.serve("/b", whole(BODY))
    assert place.fetch(described(good, hash={})).origin == good
    (tmp_path / "mirror" / PATH).parent.mkdir(parents=True)
    (tmp_path / "mirror" / PATH).write_bytes(PAGE)
    place.path.unlink()
    place.lock.unlink()
    with pytest.raises(UnreadableError, match="not a table"):
        place.fetch(described(good, hash={}), str(tmp_path / "mirror"))
    assert not place.path.exists() and not place.lock.exists()


def test_a_known_file_is_not_read(server: Server, place: Place) -> None:
    file = described(server.serve("/a", whole(BODY)))
    place.fetch(file)
    assert place.opened == []


def test_first_uses_at_once_are_all_recorded(server: Server, place: Place) -> None:
    files = [described(server.serve(f"/{n}", whole(BODY)), path=f"{n}.bin", hash={}) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda file: fetch(file, place.downloads, None, place.lock, place.opens), files))
    assert set(json.loads(place.lock.read_text())) == {file.path for file in files}


@pytest.mark.parametrize("content", ["not json", "[1]", '{"a": {}}', '{"a": {"sha256": "12"}}'])
def test_a_lock_file_that_is_none_is_an_error(place: Place, content: str) -> None:
    place.lock.write_text(content)
    with pytest.raises(UserError, match=f"{place.lock}: "):
        place.fetch(described("http://127.0.0.1/a", hash={}))


# Formats


def test_a_form_of_the_mirror_comes_before_a_better_one_from_an_address(
    server: Server, place: Place, tmp_path: Path
) -> None:
    copy = tmp_path / "mirror" / "copy.bin"
    copy.parent.mkdir()
    copy.write_bytes(OTHER)
    kept = described(path="copy.bin", manual="only from a mirror", hash={"sha256": sha256(OTHER)})
    forms = {"official": [described(server.serve("/a", whole(BODY)))], "mirror": [kept]}
    found = place.first(forms, str(tmp_path / "mirror"))
    assert found.form == "mirror" and [one.file for one in found.files] == [kept]
    assert server.seen == []


def test_without_a_mirror_the_first_form_with_an_address_is_taken(server: Server, place: Place) -> None:
    by_hand = described(path="hand.bin", manual="download hand.bin in a browser")
    late = described(server.serve("/b", whole(BODY)), path="late.bin")
    forms = {"hand": [by_hand], "official": [described(server.serve("/a", whole(BODY)))], "late": [late]}
    assert place.first(forms).form == "official"
    assert server.headers("/b") == []


def test_a_form_needs_all_of_its_files(server: Server, place: Place, tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "train.bin").write_bytes(BODY)
    train = described(path="train.bin", manual="only from a mirror")
    test = described(path="test.bin", manual="only from a mirror")
    forms = {"jpeg": [train, test], "official": [described(server.serve("/a", whole(BODY)))]}
    assert place.first(forms, str(tmp_path / "mirror")).form == "official"
    (tmp_path / "mirror" / "test.bin").write_bytes(BODY)
    found = place.first(forms, str(tmp_path / "mirror"))
    assert found.form == "jpeg" and [one.path.name for one in found.files] == ["train.bin", "test.bin"]


def test_the_error_lists_attempts_and_remedies(server: Server, place: Place, tmp_path: Path) -> None:
    by_hand = described(path="hand.bin", manual="download hand.bin in a browser")
    url = server.serve("/a", status(404))
    with pytest.raises(UnavailableError) as caught:
        place.first({"official": [described(url)], "hand": [by_hand]}, str(tmp_path))
    message = str(caught.value)
    assert message.startswith("a table: could not be fetched\n")
    for line in (
        f"  {tmp_path / PATH}: not found",
        f"  {tmp_path / 'hand.bin'}: not found",
        f"  {url}: not found (HTTP 404)",
        f"  a mirror (`mirror` in config.yaml, or SUPERNET_MIRROR) with one of: {PATH}, hand.bin",
        f"  download hand.bin in a browser; put it at {place.downloads / 'hand.bin'}",
    ):
        assert message.count(line) == 1, line


def test_a_wrong_hash_is_not_passed_over_for_another_form(server: Server, place: Place) -> None:
    late = described(server.serve("/b", whole(BODY)), path="late.bin")
    with pytest.raises(WrongHashError):
        place.first({"official": [described(server.serve("/a", whole(OTHER)))], "late": [late]})


# Progress


def test_progress_has_size_speed_and_time_left() -> None:
    lines: list[str] = []
    times = iter([0.0, 1.0, 5.0, 6.0, 10.0, 20.0])
    meter = Meter("a.bin", lines.append, interval=5, clock=lambda: next(times))
    meter.start(100_000_000, 400_000_000)
    for done in (120_000_000, 200_000_000, 210_000_000, 250_000_000):
        meter.update(done)
    meter.finish(400_000_000)
    assert lines == [
        "a.bin: 200/400 MB (50 %), 20 MB/s, ETA 0:10",
        "a.bin: 250/400 MB (62 %), 15 MB/s, ETA 0:10",
        "a.bin: 400 MB, 15 MB/s in 0:20",
    ]


def test_progress_without_a_total_has_no_end() -> None:
    lines: list[str] = []
    times = iter([0.0, 5.0, 10.0])
    meter = Meter("a.bin", lines.append, clock=lambda: next(times))
    meter.start(0, None)
    meter.update(12_345_678)
    meter.update(1_500_000_000)
    assert lines == ["a.bin: 12.3 MB, 2.47 MB/s", "a.bin: 1500 MB, 150 MB/s"]


# The program


SOURCES = """
files:
  good:
    {{path: good.bin, title: t, licence: l, source: s, urls: ["{url}"], hash: {{sha256: {digest}}}, max_size: 400000}}
  hand: {{path: hand.bin, title: t, licence: l, source: s, manual: ask for hand.bin, max_size: 10}}
tables:
  lost: {{title: t, space: s, dataset: d, forms: {{a: hand}}}}
  found: {{title: t, space: s, dataset: d, forms: {{b: hand, c: good}}}}
datasets:
  images: {{title: t, forms: {{d: [good, good]}}}}
"""


def test_the_program_fetches_what_it_can_and_says_what_it_cannot(server: Server, place: Place, tmp_path: Path) -> None:
    url = server.serve("/a", whole(BODY))
    (tmp_path / "sources.yaml").write_text(SOURCES.format(url=url, digest=sha256(BODY)))
    command = [sys.executable, "-m", "supernet", "download", "--sources", "sources.yaml", "--downloads", "d"]
    command += ["--lock", "lock.json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SUPERNET_MIRROR": ""}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)

    everything = run("--all")
    assert everything.returncode == 2
    assert everything.stderr.startswith("error: lost: could not be fetched") and "ask for hand.bin" in everything.stderr
    assert "found" not in everything.stderr and (tmp_path / "d" / "good.bin").read_bytes() == BODY
    assert url in everything.stdout and len(server.seen) == 1

    assert run("--table", "found", "--log", "a.log").returncode == 0
    assert "kept, sha256" in (tmp_path / "a.log").read_text()
    assert "did you mean 'images'?" in run("--dataset", "image").stderr
    assert run("--table", "foun").stderr.startswith("error: found the table 'foun'; no such table in the sources; did ")
    assert run("--file", "good").returncode == 0
