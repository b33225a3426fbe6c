from __future__ import annotations

import pytest
import torch

from segkit.errors import CheckpointError, ConfigError
from segkit.train import Supervised, build_network, load_network

CONFIG = {
    "architecture": {
        "name": "UNet",
        "kwargs": {"spatial_dims": 3, "in_channels": 1, "n_classes": 3, "channels": [4, 8]},
    }
}


def test_a_network_from_its_description():
    net = build_network(CONFIG)
    assert net(torch.zeros(1, 1, 8, 8, 8)).shape == (1, 3, 8, 8, 8)


def test_descriptions_that_describe_nothing():
    for config in ({}, {"architecture": None}, {"architecture": {"kwargs": {}}}):
        with pytest.raises(ConfigError, match="describes no network"):
            build_network(config)
    with pytest.raises(ConfigError, match="unknown network 'Unet': did you mean 'UNet'"):
        build_network({"architecture": {"name": "Unet"}})
    with pytest.raises(ConfigError, match=r"UNet cannot be built from {'layers': 3}: .*layers"):
        build_network({"architecture": {"name": "UNet", "kwargs": {"layers": 3}}})


def test_a_trained_network_comes_back(make_trainer, batches, tmp_path):
    trainer = make_trainer(
        Supervised(build_network(CONFIG), torch.nn.CrossEntropyLoss()),
        folder=tmp_path,
        config=CONFIG,
        iterations=3,
    )
    trainer.fit(batches)
    net, checkpoint = load_network(tmp_path)
    assert checkpoint.iteration == 3
    assert not net.training
    image = batches[0]["image"]
    with torch.no_grad():
        probabilities = trainer.predictor.eval().predict(image)
        torch.testing.assert_close(torch.softmax(net(image), 1), probabilities)


def test_a_checkpoint_that_does_not_describe_its_network(make_trainer, batches, tmp_path):
    make_trainer(folder=tmp_path).fit(batches)
    with pytest.raises(CheckpointError, match="checkpoint-000012: the configuration describes no network"):
        load_network(tmp_path)


def test_weights_of_another_network_than_described(make_trainer, batches, tmp_path):
    make_trainer(folder=tmp_path, config=CONFIG).fit(batches)
    with pytest.raises(CheckpointError, match="belongs to another architecture"):
        load_network(tmp_path)
