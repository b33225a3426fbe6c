from __future__ import annotations

import pytest

from segkit.bench import losses as bench
from segkit.losses.properties import PROPERTIES


def test_ours_hold_every_property():
    rows = bench.report(bench.OURS)
    assert len(rows) == len(bench.OURS) * len(PROPERTIES)
    assert [row for row in rows if not row["holds"]] == []


def test_what_a_loss_of_monai_lacks_is_told_from_what_it_gets_wrong():
    peers = bench.peers()
    rows = bench.report({name: peers[name] for name in ("MONAI DiceCELoss", "torch cross_entropy")})
    found = {(row["loss"], row["property"]): row for row in rows}
    missing = found["MONAI DiceCELoss", "ignored_voxels_change_nothing"]
    assert (missing["holds"], missing["offered"]) == (False, False)
    wrong = found["torch cross_entropy", "nothing_valid_is_zero"]
    assert (wrong["holds"], wrong["offered"]) == (False, True)
    assert "nan" in wrong["detail"]
    assert found["MONAI DiceCELoss", "gradient_is_right"]["holds"]

    table = bench.as_markdown(rows).splitlines()
    assert table[0] == "| property | MONAI DiceCELoss | torch cross_entropy |"
    assert "| ignored voxels change nothing | – | ✓ |" in table
    assert "| nothing valid is zero | – | ✗ |" in table


def test_a_loss_that_raises_is_a_row():
    def broken(logits, labels, valid):
        raise KeyError("no such thing")

    row = bench.check("broken", broken)[0]
    assert not row["holds"]
    assert row["detail"] == "raises KeyError: 'no such thing'"


@pytest.mark.parametrize("mode", ["index", "mask"])
def test_adapters_ignore_as_monai_documents(mode):
    import monai.losses
    import torch

    labels = torch.tensor([[[0, 1], [-1, 1]]])
    logits = torch.randn(1, 2, 2, 2)
    name = {"index": "DiceLoss", "mask": "MaskedDiceLoss"}[mode]
    found = bench.peers()[f"MONAI {name}"]()(logits, labels, None)
    kept = labels.flatten(1) >= 0
    plain = monai.losses.DiceLoss(softmax=True, to_onehot_y=True, include_background=False)
    wanted = plain(logits.flatten(2)[:, :, kept[0]], labels.flatten(1)[:, kept[0]][:, None])
    torch.testing.assert_close(found, wanted)


def test_times_are_rows(capsys):
    rows = bench.run(quick=True)
    assert [row["peer"] for row in rows[:3]] == ["MONAI DiceCELoss", "MONAI DiceLoss", "torch cross_entropy"]
    assert all(row["ratio"] == row["ours_ms"] / row["peer_ms"] for row in rows)
    assert all(row["ours_peak_mb"] > 0 for row in rows)
    assert "| gradient is right |" in capsys.readouterr().err
