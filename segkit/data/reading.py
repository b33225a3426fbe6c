"""Read many cases at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from segkit.data.case import Case
from segkit.data.dataset import DataSet, Source
from segkit.errors import DataError


def read_all(dataset: DataSet, sources: Sequence[Source]) -> list[Case]:
    """Read and validate cases, in the order of `sources`, on as many threads as there are cores (at most 8).

    Unpacking and parsing release Python's lock for most of their time, so threads help without copies.

    Raises:
        DataError: a file is missing or damaged, or a case is not as promised; the first one found is named.
    """

    def read(source: Source) -> Case:
        missing = [path for path in source.paths if not path.is_file()]
        if missing:
            raise DataError(
                f"{missing[0]} is missing, so {source.id} is incomplete: fetch {dataset.name} again"
            )
        return dataset.read(source).validate()

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(read, sources))
