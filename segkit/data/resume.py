"""A downloader for pooch that goes on where an interrupted download stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import requests

from segkit.data.files import writing
from segkit.errors import DataError

TIMEOUT_S = (5.0, 60.0)
"""Seconds to connect, and to wait for the next byte."""
_CHUNK = 1 << 16


class NotTheFile(requests.RequestException):
    """An answer that is no copy of the file: a web page, or fewer bytes than announced."""


class Resuming:
    """Download over HTTP into `part`, and go on from it the next time.

    The bytes that are there are kept only if the server says that they belong to the same version of the same
    address (`If-Range` with the validator noted beside the part); otherwise the download starts anew. Called
    by pooch with `(url, output_file, pooch)`; the part is renamed to `output_file` when it is complete.

    Args:
        part: path of the unfinished file.

    Raises:
        requests.RequestException: no connection, an error status, a broken transfer; the part stays for next
        time.
        DataError: the disk is full or not writable; nothing stays.
    """

    def __init__(self, part: Path) -> None:
        self.part = part
        self.note = part.with_name(part.name + ".json")
        self.began = False
        self.resumed = False

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        start, headers = self._start(url)
        self.began = self.resumed = False
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            self.began = True
            if response.status_code == 416:  # the part is longer than the file
                self.discard()
                raise NotTheFile("the server refused to resume; the next attempt starts anew")
            response.raise_for_status()
            if response.headers.get("Content-Type", "").startswith("text/html"):
                raise NotTheFile("a web page was sent instead of the file")
            self.resumed = response.status_code == 206 and _first_byte(response) == start
            if not self.resumed:
                start = 0
            self._note(url, response)
            expected = start + int(response.headers.get("Content-Length", -1 - start))
            try:
                with writing(self.part), self.part.open("ab" if self.resumed else "wb") as file:
                    for chunk in response.iter_content(_CHUNK):
                        file.write(chunk)
            except DataError:
                self.discard()
                raise
        size = self.part.stat().st_size
        if expected >= 0 and size != expected:
            raise NotTheFile(f"{size} of {expected} bytes arrived")
        self.part.replace(output_file)
        self.note.unlink(missing_ok=True)

    def discard(self) -> None:
        """Forget what has been downloaded."""
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _start(self, url: str) -> tuple[int, dict[str, str]]:
        headers = {"Accept-Encoding": "identity"}  # the bytes themselves, so that lengths can be compared
        try:
            note = json.loads(self.note.read_text())
            start = self.part.stat().st_size
        except (OSError, ValueError):
            return 0, headers
        if start == 0 or note.get("url") != url or not note.get("validator"):
            return 0, headers
        return start, headers | {"Range": f"bytes={start}-", "If-Range": note["validator"]}

    def _note(self, url: str, response: requests.Response) -> None:
        etag = response.headers.get("ETag", "")
        # A weak tag promises the same meaning, not the same bytes.
        validator = response.headers.get("Last-Modified") if etag.startswith("W/") or not etag else etag
        with writing(self.note):
            self.note.parent.mkdir(parents=True, exist_ok=True)
            self.note.write_text(json.dumps({"url": url, "validator": validator}))


def _first_byte(response: requests.Response) -> int:
    """The N of `Content-Range: bytes N-M/L`, or -1."""
    span = response.headers.get("Content-Range", "").removeprefix("bytes ").split("-")[0]
    return int(span) if span.isdigit() else -1
