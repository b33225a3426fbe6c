import errno
import json
from dataclasses import replace
from hashlib import md5, sha256
from pathlib import Path

import pytest

from segkit.data import download, resume
from segkit.data.dataset import Remote
from segkit.data.download import fetch, fetch_file, record_hashes
from segkit.data.locations import NotAvailable
from segkit.data.registry import describe
from segkit.errors import DataError
from tests.data import server as on

pytestmark = pytest.mark.usefixtures("own_cache")
BODY = bytes(range(256)) * 2000
SHA = f"sha256:{sha256(BODY).hexdigest()}"


@pytest.fixture
def get(web, tmp_path):
    """`get("/a", "/b")` downloads from these addresses."""

    def run(*paths, known=SHA):
        return fetch_file(Remote("set.bin", tuple(map(web.url, paths)), SHA), tmp_path / "down", known=known)

    return run


def left(tmp_path):
    return sorted(p.name for p in (tmp_path / "down").iterdir())


def test_the_file_arrives_under_its_name(get, web, tmp_path):
    web.routes["/a"] = on.file(BODY)
    assert get("/a").read_bytes() == BODY
    assert left(tmp_path) == ["set.bin"]


def test_an_md5_as_maintained_libraries_publish_it_is_understood(get, web):
    web.routes["/a"] = on.file(BODY)
    assert get("/a", known=f"md5:{md5(BODY).hexdigest()}").read_bytes() == BODY


def test_a_file_that_is_there_is_not_fetched_again(get, web):
    web.routes["/a"] = on.file(BODY)
    get("/a")
    get("/a")
    assert web.paths() == ["/a"]


def test_a_file_that_was_spoilt_is_fetched_again(get, web):
    web.routes["/a"] = on.file(BODY)
    get("/a").write_bytes(b"spoilt")
    assert get("/a").read_bytes() == BODY


def test_a_redirect_is_followed(get, web):
    web.routes |= {"/a": on.redirect("/b"), "/b": on.file(BODY)}
    assert get("/a").read_bytes() == BODY


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        (on.status(404), "the server answered 404"),
        (on.status(503), "the server answered 503"),
        (on.file(BODY[:-1]), "the bytes do not have the expected hash"),
        (on.page(), "a web page was sent instead of the file"),
        (on.broken(BODY, 1000), "the transfer broke off"),
    ],
)
def test_the_second_mirror_is_tried_and_without_it_the_reason_is_told(get, web, tmp_path, route, reason):
    web.routes |= {"/bad": route, "/good": on.file(BODY)}
    with pytest.raises(NotAvailable, match=rf"set.bin could not be downloaded .*/bad: {reason}") as caught:
        get("/bad")
    assert "\n" not in str(caught.value)
    assert "set.bin" not in left(tmp_path)
    assert get("/bad", "/good").read_bytes() == BODY


def test_both_mirrors_are_named_when_both_fail(get, web):
    web.routes["/b"] = on.status(500)
    with pytest.raises(NotAvailable, match=r"/a: the server answered 404; .*/b: the server answered 500"):
        get("/a", "/b")


def test_no_network_is_told_at_once(tmp_path):
    file = Remote("set.bin", ("http://127.0.0.1:9/x",), SHA)  # nobody listens on port 9
    with pytest.raises(NotAvailable, match="no connection, ConnectionError"):
        fetch_file(file, tmp_path, known=SHA)


def test_an_address_that_is_none_is_told(tmp_path):
    with pytest.raises(NotAvailable, match="no connection, MissingSchema"):
        fetch_file(Remote("set.bin", ("example.org/x",), SHA), tmp_path, known=SHA)


def test_a_fault_of_the_server_is_tried_again_but_not_a_missing_file(get, web):
    web.routes |= {"/a": on.in_turn(on.status(503), on.file(BODY))}
    assert get("/a").read_bytes() == BODY
    with pytest.raises(NotAvailable):
        get("/missing", known=f"sha256:{'0' * 64}")
    assert web.paths() == ["/a", "/a", "/missing"]


def test_an_interrupted_download_is_resumed_where_it_stopped(get, web):
    web.routes["/a"] = on.in_turn(on.broken(BODY, 100_000), on.file(BODY))
    assert get("/a").read_bytes() == BODY
    assert web.seen[1][1]["Range"] == "bytes=65536-"  # whole chunks are kept


def test_it_is_resumed_by_a_later_process_too(get, web, tmp_path, monkeypatch):
    web.routes["/a"] = on.broken(BODY, 100_000)
    with monkeypatch.context() as patch:
        patch.setattr(download, "ATTEMPTS", 1)
        with pytest.raises(NotAvailable, match="the transfer broke off"):
            get("/a")
    assert left(tmp_path) == ["set.bin.part", "set.bin.part.json"]
    web.routes["/a"] = on.file(BODY)
    assert get("/a").read_bytes() == BODY
    assert web.seen[-1][1]["Range"] == "bytes=65536-"
    assert left(tmp_path) == ["set.bin"]


def test_a_file_that_has_changed_meanwhile_is_fetched_from_the_start(get, web):
    web.routes["/a"] = on.in_turn(on.broken(bytes(len(BODY)), 100_000), on.file(BODY))
    assert get("/a").read_bytes() == BODY


def test_a_server_that_knows_no_ranges_starts_anew(get, web):
    web.routes["/a"] = on.in_turn(on.broken(BODY, 100_000), on.file(BODY, etag=False))
    assert get("/a").read_bytes() == BODY


def test_a_server_that_sends_another_range_is_not_believed(get, web):
    def wrong(handler):
        handler.answer(206, BODY, Content_Range=f"bytes 0-{len(BODY) - 1}/{len(BODY)}")

    web.routes["/a"] = on.in_turn(on.broken(BODY, 100_000), wrong)
    assert get("/a").read_bytes() == BODY
    assert web.paths() == ["/a", "/a"]


def test_a_short_file_is_noticed_even_if_the_http_library_does_not(get, web, tmp_path, monkeypatch):
    web.routes["/a"] = on.in_turn(on.broken(BODY, 100_000), on.file(BODY))
    asked = resume.requests.get

    def lenient(*args, **options):  # as urllib3 before version 2
        response = asked(*args, **options)
        response.raw.enforce_content_length = False
        return response

    monkeypatch.setattr(resume.requests, "get", lenient)
    assert get("/a", known=None).read_bytes() == BODY


def test_a_resumed_file_with_a_wrong_hash_is_tried_once_more_from_the_start(get, web):
    web.routes["/a"] = on.in_turn(on.broken(bytes(len(BODY)), 100_000, of=BODY), on.file(BODY))
    assert get("/a").read_bytes() == BODY
    assert "Range" in web.seen[1][1] and "Range" not in web.seen[2][1]


def test_a_part_longer_than_the_file_is_forgotten(get, web, tmp_path):
    web.routes["/a"] = on.file(BODY)
    part = tmp_path / "down" / "set.bin.part"
    part.parent.mkdir()
    part.write_bytes(BODY + b"more")
    tag = f'"{md5(BODY).hexdigest()}"'
    part.with_name("set.bin.part.json").write_text(json.dumps({"url": web.url("/a"), "validator": tag}))
    assert get("/a").read_bytes() == BODY


def test_the_part_of_one_mirror_is_not_continued_by_another(get, web):
    web.routes |= {"/a": on.broken(bytes(len(BODY)), 100_000), "/b": on.file(BODY)}
    assert get("/a", "/b").read_bytes() == BODY
    assert "Range" not in web.seen[-1][1]


class FullDisk:
    """A file that takes some bytes and then reports a full disk."""

    def __init__(self, path, mode):
        self.file = open(path, mode)  # noqa: PTH123, SIM115

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, chunk):
        self.file.write(chunk[:10])
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_no_half_file(get, web, tmp_path, monkeypatch):
    web.routes["/a"] = on.file(BODY)
    opened = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda self, *a, **k: FullDisk(self, a[0]) if self.suffix == ".part" else opened(self, *a, **k),
    )
    with pytest.raises(DataError, match=r"the disk is full while writing .*: free some space"):
        get("/a")
    assert left(tmp_path) == []


def test_a_read_only_cache_is_one_sentence(web, tmp_path, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(DataError, match=r"cannot be written \(Read-only file system\): set SEGKIT_CACHE"):
        fetch(describe("hippocampus"), tmp_path / "cache", print)
    assert web.seen == []


def two_files(web):
    web.routes |= {"/one": on.file(BODY), "/two": on.file(BODY[:100])}
    files = (Remote("one.csv", (web.url("/one"),)), Remote("two.csv", (web.url("/two"),), f"md5:{'0' * 32}"))
    return replace(describe("hippocampus"), files=files)


def test_licence_and_citation_come_once_before_the_first_byte(web, tmp_path):
    said = []
    dataset = replace(two_files(web), files=two_files(web).files[:1])

    def say(line):
        said.append((line, len(web.seen)))

    fetch(dataset, tmp_path / "down", say)
    notices = [seen for line, seen in said if "CC-BY-SA-4.0" in line and "arXiv:1902.09063" in line]
    assert notices == [0]


def test_the_first_download_records_a_hash_that_nobody_publishes(web, tmp_path, own_cache):
    dataset, said = replace(two_files(web), files=two_files(web).files[:1]), []
    own_cache.mkdir()
    record_hashes(dataset, fetch(dataset, tmp_path / "first", print), said.append)
    assert json.loads((own_cache / "hashes.json").read_text()) == {"hippocampus/one.csv": SHA}
    assert "No hash is published for 1 file(s)" in said[0] and "hashes.json" in said[0]
    record_hashes(dataset, fetch(dataset, tmp_path / "second", print), said.append)
    assert len(said) == 1
    web.routes["/one"] = on.file(BODY + b"!")
    with pytest.raises(NotAvailable, match=r"expected hash noted in .*hashes.json"):
        fetch(dataset, tmp_path / "third", print)


def test_a_published_hash_is_never_replaced_by_a_recorded_one(web, tmp_path):
    with pytest.raises(NotAvailable, match=r"two.csv could not be downloaded"):
        fetch(two_files(web), tmp_path / "down", print)


def test_a_damaged_record_is_named(web, tmp_path, own_cache):
    own_cache.mkdir()
    (own_cache / "hashes.json").write_text("{")
    with pytest.raises(DataError, match=r"hashes.json is damaged: delete it"):
        fetch(two_files(web), tmp_path / "down", print)


def test_offline_refuses_at_once_in_one_sentence(web, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGKIT_OFFLINE", "1")
    with pytest.raises(NotAvailable, match="SEGKIT_OFFLINE forbids the download"):
        fetch(two_files(web), tmp_path / "down", print)
    assert web.seen == []


def test_a_set_behind_a_registration_tells_how_to_get_it(tmp_path):
    with pytest.raises(
        NotAvailable, match=r"asks for registration at https://.*segkit data get acdc --from PATH"
    ):
        fetch(describe("acdc"), tmp_path, print)


def test_a_weak_tag_is_no_promise_about_bytes(tmp_path):
    class Response:
        headers = {"ETag": 'W/"x"', "Last-Modified": "Mon"}  # noqa: RUF012

    downloader = resume.Resuming(tmp_path / "a.part")
    downloader._note("u", Response())
    assert json.loads(downloader.note.read_text())["validator"] == "Mon"
