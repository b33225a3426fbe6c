from __future__ import annotations

import errno
import json

import pytest
import torch

from segkit.errors import CheckpointError
from segkit.train import checkpoint as module
from segkit.train import latest_checkpoint, load_checkpoint, save_checkpoint


def save(root, iteration, value=0.0, **options):
    tensors = {"weights": {"net.w": torch.full((3,), value), "head.w": torch.ones(1)}}
    meta = {"network": "net", "config": {"classes": ["background", "liver"]}}
    return save_checkpoint(root, iteration, tensors, meta, **options)


def names(root):
    return sorted(path.name for path in root.iterdir())


def test_what_a_predictor_reads(tmp_path):
    save(tmp_path, 5, 2.0)
    for folder in (tmp_path, tmp_path / "checkpoint-000005"):
        checkpoint = load_checkpoint(folder)
        assert checkpoint.folder == tmp_path / "checkpoint-000005"
        assert checkpoint.iteration == 5
        assert checkpoint.config == {"classes": ["background", "liver"]}
        assert list(checkpoint.weights) == ["w"]
        assert checkpoint.weights["w"].tolist() == [2.0] * 3


def test_the_average_is_what_predicts(tmp_path):
    weights = {"weights": {"net.w": torch.zeros(1)}, "average": {"net.w": torch.ones(1)}}
    save_checkpoint(tmp_path, 1, weights, {"network": "net"})
    assert load_checkpoint(tmp_path).weights["w"].item() == 1.0


def test_the_newest_are_kept(tmp_path):
    for iteration in (5, 10, 999_999, 1_000_000):
        save(tmp_path, iteration)
    assert names(tmp_path) == ["checkpoint-1000000", "checkpoint-999999"]
    assert latest_checkpoint(tmp_path).name == "checkpoint-1000000"


def test_saving_again_replaces(tmp_path):
    save(tmp_path, 5, 1.0)
    save(tmp_path, 5, 2.0)
    assert names(tmp_path) == ["checkpoint-000005"]
    assert load_checkpoint(tmp_path).weights["w"][0].item() == 2.0


def lose_the_index(folder):
    (folder / "checkpoint.json").unlink()


def cut_the_index(folder):
    path = folder / "checkpoint.json"
    path.write_text(path.read_text()[:40])


def cut_the_weights(folder):
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-4])


def flip_a_bit(folder):
    path = folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


def lose_a_file(folder):
    (folder / "weights.safetensors").unlink()


@pytest.mark.parametrize("spoil", [lose_the_index, cut_the_index, cut_the_weights, flip_a_bit, lose_a_file])
def test_a_damaged_checkpoint_gives_way_to_the_former(tmp_path, spoil):
    save(tmp_path, 5, 1.0)
    newest = save(tmp_path, 10, 2.0)
    spoil(newest)
    assert latest_checkpoint(tmp_path).name == "checkpoint-000005"
    assert load_checkpoint(tmp_path).weights["w"][0].item() == 1.0
    with pytest.raises(CheckpointError, match=r"missing or damaged|no complete checkpoint"):
        load_checkpoint(newest)

    # The run goes on from 5; the damaged folder must not push the good one out.
    save(tmp_path, 7, keep=1)
    assert latest_checkpoint(tmp_path).name == "checkpoint-000007"
    save(tmp_path, 10, 3.0)
    assert load_checkpoint(tmp_path).weights["w"][0].item() == 3.0


def test_a_killed_writer_leaves_no_checkpoint(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def die(path):
        raise Killed

    save(tmp_path, 5)
    monkeypatch.setattr(module, "_flush", die)
    with pytest.raises(Killed):
        save(tmp_path, 10)
    assert latest_checkpoint(tmp_path).name == "checkpoint-000005"
    monkeypatch.undo()
    save(tmp_path, 10)
    assert names(tmp_path) == ["checkpoint-000005", "checkpoint-000010"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_does_not_take_it(tmp_path, monkeypatch, number):
    def fail(tensors, path):
        path.write_bytes(b"half")
        raise OSError(number, "what the system says")

    save(tmp_path, 5)
    monkeypatch.setattr(module, "write_tensors", fail)
    with pytest.raises(CheckpointError, match=r"iteration 10 .* \(what the system says\): free some space"):
        save(tmp_path, 10)
    assert names(tmp_path) == ["checkpoint-000005"]


def test_nothing_there(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    assert latest_checkpoint(tmp_path / "missing") is None
    with pytest.raises(CheckpointError, match=r"no complete checkpoint in .*missing"):
        load_checkpoint(tmp_path / "missing")


def test_a_later_format(tmp_path):
    path = save(tmp_path, 5) / "checkpoint.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(CheckpointError, match="later segkit"):
        load_checkpoint(tmp_path)


def test_files_of_other_people_are_left_alone(tmp_path):
    (tmp_path / "checkpoint-notes").mkdir()
    (tmp_path / "checkpoint-notes" / "mine.txt").write_text("keep")
    for iteration in (1, 2, 3):
        save(tmp_path, iteration)
    assert (tmp_path / "checkpoint-notes" / "mine.txt").read_text() == "keep"
