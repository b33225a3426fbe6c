from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined.decoding import Decoder, Encoder, SharedEncoder
from segkit.errors import ConfigError
from segkit.nets import UNet


@pytest.mark.parametrize("skip", ["concat", "add"])
@pytest.mark.parametrize("down", ["conv2", "conv3", "pool"])
def test_encoder_and_decoder_are_the_u_net(skip, down):
    net = UNet(2, 1, 3, (4, 6, 8), skip=skip, down=down)
    image = torch.randn(2, 1, 13, 10)
    features, logits = Decoder(net)(Encoder(net)(image), image.shape[2:])
    wanted = net.forward_features(image, ["decoder0", "logits"])
    assert torch.equal(features, wanted["decoder0"])
    assert torch.equal(logits, wanted["logits"])


def test_decoders_share_one_encoder():
    nets = [UNet(2, 1, 2, (4, 8), up=up) for up in ("transpose", "linear", "nearest")]
    shared = SharedEncoder(nets)
    names = [name for name, _ in shared.named_parameters()]
    assert sum(name.startswith("encoder.") for name in names) == len(list(Encoder(nets[0]).parameters()))
    image = torch.randn(1, 1, 8, 8)
    logits = [each for _, each in shared(image)]
    torch.testing.assert_close(logits[0], nets[0](image))
    assert all((logits[0] - other).abs().max() > 1e-3 for other in logits[1:])


def test_nets_that_do_not_share():
    with pytest.raises(ConfigError, match="same axes, classes, channels and strides"):
        SharedEncoder([UNet(2, 1, 2, (4, 8)), UNet(2, 1, 2, (4, 6))])
    with pytest.raises(ConfigError, match="one or more"):
        SharedEncoder([])
