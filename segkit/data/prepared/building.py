"""Prepare many cases: in parallel, resumable, and with one sentence when something is wrong."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.data.dataset import Source
from segkit.data.files import alone
from segkit.data.prepared import layout
from segkit.data.prepared.about import About
from segkit.data.prepared.case_writing import write_case
from segkit.data.prepared.scan import Scan
from segkit.data.prepared.summary import summarise
from segkit.data.splitting import Split
from segkit.errors import ConfigError, DataError

Read = Callable[[Source], Scan]


class BadCase(DataError):
    """A case cannot be read or is not what it should be; others may be."""


@dataclass(frozen=True)
class Job:
    """Everything that is needed to prepare one case, also in another process."""

    source: Source
    read: Read
    folder: Path
    settings: layout.Settings
    n_classes: int

    def run(self) -> None:
        """Read, check and write the case.

        Raises:
            BadCase: it cannot be read or is not what it should be.
            DataError: it cannot be written.
        """
        source = self.source
        try:
            missing = [path for path in source.paths if not path.is_file()]
            if missing:
                raise DataError(f"{missing[0]} is missing")
            scan = self.read(source)
            scan.check(self.n_classes)
        except DataError as error:
            raise BadCase(f"{source.id}: {error}") from error
        except MemoryError as error:
            raise DataError(
                f"there is not enough memory for {source.id}: prepare with fewer --jobs"
            ) from error
        write_case(
            scan,
            self.folder,
            self.settings,
            id=source.id,
            group=source.group,
            n_classes=self.n_classes,
            facts=source.facts,
            files=_files(source),
        )


def build(
    about: About,
    sources: Sequence[Source],
    read: Read,
    folder: Path,
    *,
    jobs: int = 1,
    skip_bad: bool = False,
    split: Split | None = None,
    say: Callable[[str], None],
) -> Path:
    """Prepare every case that is not prepared yet, then write `dataset.json`.

    A process holds one case at a time. What an earlier call has finished is kept, whether it was stopped, ran
    into a bad case or was killed.

    Args:
        about: the set.
        sources: its cases.
        read: reads one; importable, if there are several processes.
        folder: of the prepared set.
        jobs: processes.
        skip_bad: leave out cases that cannot be read, and list them in `dataset.json`.
        split: which groups belong to which part; None takes the committed split of the set, or draws one.
        say: receives lines for the user.

    Returns:
        The folder.

    Raises:
        ConfigError: `jobs` below 1.
        DataError: there are no cases, or two of one name; a case is bad; the folder holds a set that was
            prepared with other settings or cannot be written; a process died.
    """
    if jobs < 1:
        raise ConfigError(f"--jobs must be 1 or more, got {jobs}")
    ids = [source.id for source in sources]
    twice = sorted({id for id in ids if ids.count(id) > 1}) if len(set(ids)) < len(ids) else []
    if not ids or twice:
        what = f"two cases have the name {twice[0]}" if twice else "there is no case"
        raise DataError(
            f"{about.name} cannot be prepared because {what}: look at the files given with --from"
        )
    with alone(folder / layout.DATASET):
        for stale in folder.glob(".*.part"):
            shutil.rmtree(stale, ignore_errors=True)
        for stale in folder.glob(".*.part.json"):  # of a record, which a file replaces when it is complete
            stale.unlink(missing_ok=True)
        n_classes = len(about.classes)
        todo = [
            Job(source, read, folder, about.settings, n_classes)
            for source in sources
            if not _done(source, folder, about.settings)
        ]
        if kept := len(sources) - len(todo):
            say(f"{about.name}: {kept} of {len(sources)} cases are prepared already")
        skipped = _run(todo, jobs=jobs, skip_bad=skip_bad, say=say, name=about.name)
        good = [source for source in sources if source.id not in skipped]
        summarise(about, [source.id for source in good], skipped, folder, split)
    say(f"{about.name}: {len(good)} cases in {folder}" + (f", {len(skipped)} left out" if skipped else ""))
    return folder


def _run(
    todo: list[Job], *, jobs: int, skip_bad: bool, say: Callable[[str], None], name: str
) -> dict[str, str]:
    """Do the jobs; returns id → reason of those that were skipped."""
    skipped: dict[str, str] = {}
    step = max(1, len(todo) // 20)
    # Closed at once when a bad case ends the loop: cases that are under way are finished before we return.
    with closing(_outcomes(todo, jobs)) as outcomes:
        for n, (job, problem) in enumerate(outcomes, 1):
            if problem is not None:
                if not skip_bad:
                    raise DataError(
                        f"{problem}; nothing of this case was kept, finished cases stay: mend it, or leave "
                        "it out with --skip-bad"
                    ) from problem
                skipped[job.source.id] = str(problem)
                say(f"left out {problem}")
            if n % step == 0 or n == len(todo):
                say(f"{name}: {n} of {len(todo)} cases done")
    return skipped


def _outcomes(todo: list[Job], jobs: int) -> Generator[tuple[Job, BadCase | None], None, None]:
    """Every job with what was wrong with its case, in the order in which they end."""
    if jobs == 1 or len(todo) < 2:
        for job in todo:
            try:
                job.run()
            except BadCase as problem:
                yield job, problem
            else:
                yield job, None
        return
    # Not forked: a fork of a process that runs threads (torch's) may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(todo)), context, initializer=_one_thread) as pool:
        futures = {pool.submit(job.run): job for job in todo}
        try:
            for future in as_completed(futures):
                outcome = future.exception()
                if outcome is not None and not isinstance(outcome, BadCase):
                    raise outcome
                yield futures[future], outcome
        except BrokenProcessPool as error:
            raise DataError(
                "a process that prepared cases died, perhaps for want of memory; finished cases stay: run "
                f"the same command again, with fewer --jobs than {jobs} if it dies again"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _files(source: Source) -> list[list[Any]]:
    return [[path.name, path.stat().st_size] for path in source.paths if path.is_file()]


def _done(source: Source, folder: Path, settings: layout.Settings) -> bool:
    """Whether a case is there, whole and made from the same files.

    Raises:
        DataError: it was prepared with other settings.
    """
    path = folder / layout.record_file(source.id)
    if not path.exists():
        return False
    record = layout.read_json(path)
    if record["settings"] != settings.to_json():
        raise DataError(
            f"{folder} holds cases that were prepared with other settings ({_told(record['settings'])}): "
            "give another folder with --out, or delete this one"
        )
    whole = all((folder / name).is_file() for name in record["sha256"])
    return whole and record["files"] == _files(source)


def _told(settings: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items() if key != "format")
