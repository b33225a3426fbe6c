"""Fetch, verify and prepare a task of the Decathlon: `python data_scripts/decathlon.py liver --help`."""

from segkit.data.catalogue.decathlon import TASKS
from segkit.data.catalogue.scripting import choose

if __name__ == "__main__":
    raise SystemExit(choose(["hippocampus", *(task.name for task in TASKS)]))
