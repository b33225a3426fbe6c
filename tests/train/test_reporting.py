from __future__ import annotations

import sys

import pytest
from lightning_fabric.loggers import CSVLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from segkit.errors import ConfigError
from segkit.train.reporting import wants_progress


class Terminal:
    def __init__(self, is_terminal):
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal


@pytest.mark.parametrize(
    ("asked", "terminal", "ci", "shown"),
    [
        (None, True, "", True),
        (None, True, "true", False),
        (None, False, "", False),
        (True, False, "true", True),
        (False, True, "", False),
    ],
)
def test_when_the_line_shows(monkeypatch, asked, terminal, ci, shown):
    monkeypatch.setattr(sys, "stderr", Terminal(terminal))
    monkeypatch.setenv("CI", ci)
    assert wants_progress(asked) is shown


def test_one_line_and_nothing_else(make_trainer, batches, capfd):
    make_trainer(iterations=20, progress=True, log_every=5).fit(batches)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "20/20" in err
    assert "total" in err


def test_silence_by_default_outside_a_terminal(make_trainer, batches, capfd):
    make_trainer().fit(batches)
    assert capfd.readouterr() == ("", "")


def scalars(folder):
    events = EventAccumulator(str(folder / "log"))
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }


def test_tensorboard_is_the_log_of_a_folder(make_trainer, batches, tmp_path):
    trainer = make_trainer(iterations=8, folder=tmp_path, logger="tensorboard", checkpoint_every=4)
    history = trainer.fit(batches, validate=lambda predictor: {"dice": 0.5})
    logged = scalars(tmp_path)
    assert logged["total"] == [(i, pytest.approx(value)) for i, value in enumerate(history.column("total"))]
    assert logged["validation.dice"] == [(7, 0.5)]


def test_a_resumed_run_logs_every_update_once(make_trainer, batches, tmp_path):
    """The stopped process logged updates 4 to 6, which no checkpoint holds: they are done again."""
    options = {"folder": tmp_path, "logger": "tensorboard", "log_every": 1, "checkpoint_every": 4}
    with pytest.raises(ConfigError, match="no batch 7"):
        make_trainer(**options).fit([batches[i] for i in range(7)])
    make_trainer(**options, resume=True).fit(batches)
    assert [step for step, _ in scalars(tmp_path)["total"]] == list(range(12))


def test_no_folder_no_log(make_trainer, batches):
    assert make_trainer(logger="tensorboard").fabric.loggers == []


def test_another_logger_is_one_argument(make_trainer, batches, tmp_path):
    logger = CSVLogger(tmp_path, name="csv", version="")
    make_trainer(iterations=4, logger=logger).fit(batches)
    logger.save()
    assert (tmp_path / "csv" / "metrics.csv").read_text().splitlines()[0].split(",")[:2] == ["lr", "step"]


def test_an_unknown_logger(make_trainer, tmp_path):
    with pytest.raises(ConfigError, match="unknown logger 'tensorbord': did you mean 'tensorboard'"):
        make_trainer(folder=tmp_path, logger="tensorbord")
