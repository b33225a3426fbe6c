from __future__ import annotations

import math

import pytest
import torch

from segkit.coarse_refined import noisy
from segkit.coarse_refined.baselines import MeanTeacher, UncertaintyAwareMeanTeacher
from segkit.coarse_refined.baselines.teacher import PUBLISHED
from segkit.errors import ConfigError
from tests.coarse_refined.baselines.tables import Table, batch
from tests.coarse_refined.methods import state


def apart(method):
    """Let the teacher differ from the student."""
    with torch.no_grad():
        method.teacher.module.slope += 0.7
        method.teacher.module.bias -= 0.3
    return method


def test_the_term_is_the_mean_squared_difference_of_probabilities():
    method, given = apart(MeanTeacher(Table())), batch()
    terms = method.step(given, state(seed=4))
    image = given["unlabelled_image"]
    student = method.net(image).softmax(1)
    teacher = method.teacher.module(noisy(image, state(seed=4).generator)).softmax(1)
    torch.testing.assert_close(terms["unlabelled"], ((student - teacher) ** 2).mean())


def test_only_the_student_gets_a_gradient():
    method = apart(MeanTeacher(Table()))
    method.step(batch(), state())["unlabelled"].backward()
    assert method.net.slope.grad.abs().max() > 0
    assert method.teacher.module.slope.grad is None


def test_after_one_update_with_half_the_teacher_is_the_mean_of_old_and_student():
    method = apart(MeanTeacher(Table(), decay=0.5))
    old = method.teacher.module.slope.clone()
    method.after_update(state(iteration=50))
    torch.testing.assert_close(method.teacher.module.slope, (old + method.net.slope.detach()) / 2)


def test_the_first_update_copies_the_student_and_does_not_zero_the_teacher():
    method = apart(MeanTeacher(Table()))
    method.after_update(state(iteration=0))
    torch.testing.assert_close(method.teacher.module.slope, method.net.slope.detach())
    for i in range(1, 200):
        method.after_update(state(iteration=i))
    torch.testing.assert_close(method.teacher.module.slope, method.net.slope.detach())


def test_the_published_weight():
    assert PUBLISHED(state(32, 1000)) == 0.0
    assert PUBLISHED(state(34, 1000)) == pytest.approx(0.1 * math.exp(-5 * 0.966**2))


def test_uncertain_pixels_do_not_count():
    method, given = apart(UncertaintyAwareMeanTeacher(Table(), passes=3)), batch()
    now = state(30, 100, seed=4)
    terms = method.step(given, now)

    draw, image = state(seed=4).generator, given["unlabelled_image"]
    teacher = method.teacher.module(noisy(image, draw)).softmax(1)
    mean = sum(method.teacher.module(noisy(image, draw)).softmax(1) for _ in range(3)) / 3
    student = method.net(image).softmax(1)
    limit = (0.75 + 0.25 * math.exp(-5 * 0.7**2)) * math.log(3)
    total, count = 0.0, 0
    for b in range(3):
        for y in range(6):
            for x in range(4):
                p = mean[b, :, y, x].tolist()
                if -sum(v * math.log(v) for v in p) < limit:
                    total += (student - teacher)[b, :, y, x].square().sum().item() / 3
                    count += 1
    assert 0 < count < 72
    assert terms["certain"].item() == pytest.approx(count / 72)
    assert terms["unlabelled"].item() == pytest.approx(total / count, rel=1e-5)


def test_two_classes_have_the_published_denominator():
    method, given = apart(UncertaintyAwareMeanTeacher(Table(2), passes=2)), batch(classes=2)
    terms = method.step(given, state(99, 100, seed=4))
    draw, image = state(seed=4).generator, given["unlabelled_image"]
    teacher = method.teacher.module(noisy(image, draw)).softmax(1)
    mean = sum(method.teacher.module(noisy(image, draw)).softmax(1) for _ in range(2)) / 2
    uncertainty = -(mean * (mean + 1e-6).log()).sum(1, keepdim=True)
    mask = (uncertainty < (0.75 + 0.25 * math.exp(-5 * 0.01**2)) * math.log(2)).float()
    distance = (method.net(image).softmax(1) - teacher) ** 2
    published = (mask * distance).sum() / (2 * mask.sum() + 1e-16)
    torch.testing.assert_close(terms["unlabelled"], published)


def test_no_certain_pixel_is_zero_and_connected():
    method = UncertaintyAwareMeanTeacher(Table(), passes=1)
    with torch.no_grad():
        method.teacher.module.slope.zero_()
        method.teacher.module.bias.zero_()
    terms = method.step(batch(), state())
    terms["unlabelled"].backward()
    assert terms["unlabelled"] == terms["certain"] == 0


def test_no_pass():
    with pytest.raises(ConfigError, match="one teacher pass"):
        UncertaintyAwareMeanTeacher(Table(), passes=0)
