"""Fetch the files of a data set: mirrors in turn, resumed, held against a hash."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pooch
import requests

from segkit.data.dataset import PublicSet, Remote
from segkit.data.files import replacing, writing
from segkit.data.locations import NotAvailable, cache_folder, offline
from segkit.data.resume import NotTheFile, Resuming
from segkit.errors import DataError

ATTEMPTS = 3
"""How often one address is tried when a transfer breaks off or the server reports a fault of its own."""
PAUSE_S = 1.0
"""Seconds before the second attempt; doubled before each further one."""


def fetch(dataset: PublicSet, folder: Path, say: Callable[[str], None]) -> list[Path]:
    """Download every file of a data set into a folder.

    Licence and citations are printed before the first byte. Files that lie in the folder already and have the
    right hash are not fetched again; a file that was interrupted is resumed.

    Args:
        dataset: the registry entry.
        folder: where the files go, below it under the names of the entry.
        say: receives the lines for the user.

    Returns:
        Paths in the order of `dataset.files`.

    Raises:
        NotAvailable: `SEGKIT_OFFLINE` is set, the set has no public address, or no address gave the right
            bytes.
        DataError: the folder cannot be written or the disk is full.
    """
    if not dataset.files:
        raise NotAvailable(dataset.instructions)
    if offline():
        raise NotAvailable(
            f"{dataset.name} is not on this machine and SEGKIT_OFFLINE forbids the download: unset it, or "
            "put the set below SEGKIT_DATA"
        )
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    say(dataset.notice())
    say(f"Downloading {len(dataset.files)} file(s) to {folder}")
    recorded = recorded_hashes()
    return [
        fetch_file(file, folder, known=file.hash or recorded.get(f"{dataset.name}/{file.name}"))
        for file in dataset.files
    ]


def fetch_file(file: Remote, folder: Path, *, known: str | None) -> Path:
    """Download one file, trying its addresses in turn.

    Args:
        file: name and addresses.
        folder: where it goes.
        known: hash to hold it against, or None.

    Raises:
        NotAvailable: no address gave the right bytes; the message has a reason for each.
        DataError: the folder cannot be written or the disk is full.
    """
    pooch.get_logger().setLevel("WARNING")  # what a user must know is said by the caller
    reasons = []
    for url in file.urls:
        reason = _from(url, file, folder, known)
        if isinstance(reason, Path):
            return reason
        reasons.append(f"{url}: {reason}")
    raise NotAvailable(
        f"{file.name} could not be downloaded ({'; '.join(reasons)}): look at the network, or fetch it by "
        "hand and pass it with --from"
    )


def _from(url: str, file: Remote, folder: Path, known: str | None) -> Path | str:
    """The file, or why this address did not give it."""
    downloader = Resuming(folder / f"{file.name}.part")
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_S * 2 ** (attempt - 1))
        try:
            with writing(folder):
                return Path(pooch.retrieve(url, known, fname=file.name, path=folder, downloader=downloader))
        except requests.RequestException as error:  # before ValueError: some are both
            reason, again = _verdict(error, began=downloader.began)
        except DataError:
            raise
        except ValueError:
            reason = "the bytes do not have the expected hash"
            if file.hash is None:
                reason += f" noted in {_record()}"
            # What was joined from two transfers may be joined wrongly: once more from the start.
            again = downloader.resumed
        if not again:
            break
    return reason


def _verdict(error: requests.RequestException, *, began: bool) -> tuple[str, bool]:
    """What went wrong, and whether to ask the same address again."""
    if error.response is not None:
        status = error.response.status_code
        return f"the server answered {status}", status >= 500
    if isinstance(error, NotTheFile):
        return str(error), True
    if began:
        return "the transfer broke off", True
    return f"no connection, {type(error).__name__}", False


def _record() -> Path:
    return cache_folder() / "hashes.json"


def recorded_hashes() -> dict[str, str]:
    """Hashes noted at a first download, by `set/file`."""
    try:
        text = _record().read_text()
    except FileNotFoundError:
        return {}
    try:
        return dict(json.loads(text))
    except ValueError as error:
        raise DataError(f"{_record()} is damaged: delete it, and hashes are recorded anew") from error


def record_hashes(dataset: PublicSet, paths: list[Path], say: Callable[[str], None]) -> None:
    """Note the SHA-256 of every file for which nobody publishes one, and say so.

    Raises:
        DataError: the cache cannot be written, or its record is damaged.
    """
    recorded = recorded_hashes()
    new = {
        f"{dataset.name}/{file.name}": f"sha256:{pooch.file_hash(path)}"
        for file, path in zip(dataset.files, paths, strict=True)
        if file.hash is None
    }
    fresh = new.keys() - recorded.keys()
    if not fresh:
        return
    with replacing(_record()) as temporary:
        temporary.write_text(json.dumps(dict(sorted((recorded | new).items())), indent=1))
    say(
        f"No hash is published for {len(fresh)} file(s) of {dataset.name}; the SHA-256 of this download is "
        f"noted in {_record()}, and a later download must agree with it."
    )
