from __future__ import annotations

import torch
import torch.nn.functional as F

from segkit.coarse_refined.baselines import CrossPseudoSupervision
from segkit.losses import DiceCELoss
from tests.coarse_refined.baselines.tables import Table, batch
from tests.coarse_refined.methods import state


def test_each_learns_the_labels_of_the_other():
    method, given = CrossPseudoSupervision(Table(), Table(seed=1)), batch()
    terms = method.step(given, state())
    one, two = method.net(given["unlabelled_image"]), method.second(given["unlabelled_image"])
    wanted = F.cross_entropy(one, two.argmax(1)) + F.cross_entropy(two, one.argmax(1))
    torch.testing.assert_close(terms["unlabelled"], wanted)
    loss = DiceCELoss(dice_weight=0.5, ce_weight=0.5, pooled=True)
    supervised = sum(loss(net(given["image"]), given["label"]) for net in (method.net, method.second))
    torch.testing.assert_close(terms["supervised"], supervised)
    torch.testing.assert_close(terms["disagreement"], (one.argmax(1) != two.argmax(1)).float().mean())


def test_no_gradient_flows_through_a_label():
    method, given = CrossPseudoSupervision(Table(), Table(seed=1)), batch()
    method.step(given, state())["unlabelled"].backward()
    image = given["unlabelled_image"]
    alone = F.cross_entropy(method.net(image), method.second(image).argmax(1))
    torch.testing.assert_close(method.net.slope.grad, torch.autograd.grad(alone, method.net.slope)[0])


def test_the_first_net_predicts():
    method, given = CrossPseudoSupervision(Table(), Table(seed=1)), batch()
    torch.testing.assert_close(method.predict(given["image"]), method.net(given["image"]).softmax(1))
