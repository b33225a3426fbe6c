from __future__ import annotations

import inspect
import os
import signal
from functools import partial

import pytest
import torch
from torch import nn

from segkit.errors import CheckpointError, ConfigError
from segkit.train import EMA, Method, Supervised, Trainer, TrainingError, latest_checkpoint, load_checkpoint


def weights(trainer):
    return {name: value.clone() for name, value in trainer.method.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_trainer_fits_on_three_screens():
    assert len(inspect.getsource(Trainer).splitlines()) < 150


def test_training_lowers_the_loss(make_trainer, batches):
    losses = make_trainer(iterations=40).fit(batches).column("total")
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_every_update_has_a_row(make_trainer, batches):
    history = make_trainer(iterations=12, log_every=5).fit(batches)
    assert history.column("iteration") == list(range(12))
    assert history.names == ["iteration", "total", "lr"]
    assert history.seconds > 0


def test_a_second_fit_has_nothing_left_to_do(make_trainer, batches):
    trainer = make_trainer(iterations=3)
    trainer.fit(batches)
    before = weights(trainer)
    assert len(trainer.fit(batches)) == 3
    assert same(before, weights(trainer))


@pytest.mark.parametrize("ending", ["done", "stopped"])
def test_the_method_comes_home_after_the_training(make_trainer, batches, ending):
    trainer = make_trainer(iterations=3, ema=0.9)
    assert trainer.home == torch.device("cpu")
    trainer.home = torch.device("meta")  # the one other device that every machine has
    if ending == "done":
        trainer.fit(batches)
    else:
        with pytest.raises(TrainingError):
            trainer.fit([{**batches[0], "image": torch.full_like(batches[0]["image"], torch.nan)}] * 3)
    for method in (trainer.method, trainer.predictor):
        assert {each.device.type for each in method.state_dict().values()} == {"meta"}


def test_optimiser_of_your_own(make_trainer, batches):
    trainer = make_trainer(optimizer=partial(torch.optim.SGD, momentum=0.9), lr=0.05)
    history = trainer.fit(batches)
    assert history.column("lr")[0] == 0.05
    assert trainer.optimizer.param_groups[0]["momentum"] == 0.9


def test_clipping_bounds_the_gradient(make_trainer, batches):
    trainer = make_trainer(iterations=1, lr=1.0, clip=1e-3, optimizer=torch.optim.SGD)
    before = weights(trainer)
    trainer.fit(batches)
    moved = torch.stack([(p - before[n]).norm() for n, p in trainer.method.named_parameters()]).norm()
    assert moved.item() == pytest.approx(1e-3, rel=1e-3)


def test_frozen_parameters_stay(make_method, make_trainer, batches):
    method = make_method()
    method.net[0].requires_grad_(False)
    before = method.net[0].weight.clone()
    make_trainer(method).fit(batches)
    assert torch.equal(method.net[0].weight, before)


class MeanTeacher(Method):
    """A method with a teacher, random numbers of its own, two terms and a callback."""

    def __init__(self, net):
        super().__init__()
        self.net, self.teacher = net, EMA(net, 0.9)
        self.states, self.noise = [], []

    def step(self, batch, state):
        noise = torch.randn(batch["image"].shape, generator=state.generator)
        self.noise.append(noise[0, 0, 0, 0, 0].item())
        logits = self.net(batch["image"] + 0.1 * noise)
        supervised = nn.functional.cross_entropy(logits, batch["label"])
        consistency = (logits - self.teacher(batch["image"])).square().mean()
        return {
            "supervised": supervised,
            "consistency": consistency,
            "total": supervised + state.progress * consistency,
        }

    def after_update(self, state):
        self.states.append((state.iteration, state.iterations))
        self.teacher.update(self.net, state.iteration)


def test_a_method_with_a_teacher(make_method, make_trainer, batches):
    method = MeanTeacher(make_method().net)
    history = make_trainer(method, iterations=6).fit(batches)
    assert method.states == [(i, 6) for i in range(6)]
    assert len(set(method.noise)) == 6
    for row in history:
        mixed = row["supervised"] + row["iteration"] / 6 * row["consistency"]
        assert row["total"] == pytest.approx(mixed, rel=1e-5)
    assert not method.teacher.module.training
    assert method.net.training


class Uniform(Method):
    """Loss terms as told; one weight that is pulled up."""

    def __init__(self, terms):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.terms = terms

    def step(self, batch, state):
        return {name: self.weight.sum() + term(state.iteration) for name, term in self.terms.items()}


def test_a_loss_that_is_not_finite_stops_the_run(make_trainer, batches, tmp_path):
    method = Uniform(
        {
            "total": lambda i: float("nan") if i == 7 else 1.0,
            "ranked": lambda i: float("inf") if i == 7 else 1.0,
        }
    )
    trainer = make_trainer(method, iterations=20, folder=tmp_path, checkpoint_every=3, log_every=5)
    with pytest.raises(TrainingError, match=r"loss term 'ranked' became inf in iteration 7: .* are kept"):
        trainer.fit(batches)
    assert latest_checkpoint(tmp_path).name == "checkpoint-000006"


@pytest.mark.parametrize("clip", [None, 1.0])
def test_weights_that_are_not_finite_are_not_saved(make_trainer, batches, tmp_path, clip):
    """The loss is fine, its gradient is not: the checkpoint after that update would be worthless."""

    class BadGradient(Uniform):
        def step(self, batch, state):
            return {
                "total": torch.sqrt(self.weight - self.weight).sum()
                if state.iteration == 4
                else self.weight.sum()
            }

    trainer = make_trainer(BadGradient({}), iterations=5, clip=clip, folder=tmp_path, checkpoint_every=2)
    with pytest.raises(TrainingError, match="weight 'weight' is not finite after 5 updates"):
        trainer.fit(batches)
    assert latest_checkpoint(tmp_path).name == "checkpoint-000004"


def test_a_step_without_total(make_trainer, batches):
    with pytest.raises(ConfigError, match=r"Uniform returns \['loss'\], but no 'total'"):
        make_trainer(Uniform({"loss": lambda i: 0.0})).fit(batches)


def test_batches_that_end_too_early(make_trainer, batches):
    with pytest.raises(ConfigError, match="no batch 2"):
        make_trainer(iterations=5).fit([batches[0], batches[1]])


@pytest.mark.parametrize("option", ["iterations", "log_every", "keep", "checkpoint_every", "validate_every"])
def test_intervals_are_at_least_one(make_trainer, option):
    with pytest.raises(ConfigError, match="must be 1 or more"):
        make_trainer(**{option: -1})


def test_validation_is_recorded_and_disturbs_nothing(make_trainer, batches):
    seen = []

    def validate(predictor):
        seen.append(predictor.training)
        torch.rand(10)
        probabilities = predictor.predict(batches[99]["image"])
        return {"confidence": probabilities.amax(1).mean()}

    plain = make_trainer(iterations=7)
    plain.fit(batches)
    watched = make_trainer(iterations=7, validate_every=3)
    history = watched.fit(batches, validate=validate)
    assert history.series("validation.confidence")[0] == [2, 5, 6]
    assert seen == [False] * 3
    assert same(weights(plain), weights(watched))


def test_the_average_is_validated(make_trainer, batches):
    trainer = make_trainer(ema=0.9)
    trainer.fit(batches, validate=lambda predictor: {"mine": predictor is trainer.average.module})
    assert trainer.history.column("validation.mine") == [1.0]


def test_an_interrupted_run_resumes_as_if_nothing_had_happened(make_trainer, batches, tmp_path):
    class Impatient:
        """A user who presses Ctrl-C while batch 7 is made."""

        def __getitem__(self, iteration):
            if iteration == 7:
                os.kill(os.getpid(), signal.SIGINT)
            return batches[iteration]

    former = signal.getsignal(signal.SIGINT)  # ignored, where the tests run in the background of a shell
    whole = make_trainer(ema=0.9)
    whole.fit(batches)

    folder = tmp_path / "run"
    stopped = make_trainer(ema=0.9, folder=folder, checkpoint_every=5)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(Impatient())
    assert latest_checkpoint(folder).name == "checkpoint-000008"
    assert signal.getsignal(signal.SIGINT) is former

    torch.manual_seed(12345)
    resumed = make_trainer(ema=0.9, folder=folder, resume=True)
    history = resumed.fit(batches)
    assert same(weights(whole), weights(resumed))
    assert same(whole.predictor.state_dict(), resumed.predictor.state_dict())
    assert history.rows == whole.history.rows
    assert load_checkpoint(folder).iteration == 12


def test_a_stopped_trainer_goes_on_in_the_same_process(make_trainer, batches):
    class Once:
        asked = False

        def __getitem__(self, iteration):
            if iteration == 4 and not self.asked:
                self.asked = True
                os.kill(os.getpid(), signal.SIGINT)
            return batches[iteration]

    whole = make_trainer()
    whole.fit(batches)
    trainer, impatient = make_trainer(), Once()
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(impatient)
    trainer.fit(impatient)
    assert same(weights(whole), weights(trainer))


def test_the_schedulers_signal_saves_too(make_trainer, batches, tmp_path):
    class Preempted:
        def __getitem__(self, iteration):
            if iteration == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            return batches[iteration]

    with pytest.raises(SystemExit) as caught:
        make_trainer(folder=tmp_path).fit(Preempted())
    assert caught.value.code == 128 + signal.SIGTERM
    assert load_checkpoint(tmp_path).iteration == 3


def test_resuming_an_empty_folder_starts_at_the_beginning(make_trainer, batches, tmp_path):
    assert len(make_trainer(folder=tmp_path, resume=True).fit(batches)) == 12


def test_resuming_a_finished_run_changes_nothing(make_trainer, batches, tmp_path):
    trainer = make_trainer(folder=tmp_path)
    trainer.fit(batches)
    again = make_trainer(folder=tmp_path, resume=True)
    assert again.fit(batches) == trainer.history
    assert same(weights(again), weights(trainer))


def test_a_longer_run_goes_on_from_a_shorter_one(make_trainer, batches, tmp_path):
    make_trainer(iterations=5, folder=tmp_path).fit(batches)
    longer = make_trainer(iterations=9, folder=tmp_path, resume=True).fit(batches)
    assert longer.column("total") == make_trainer(iterations=9).fit(batches).column("total")


def test_a_folder_with_a_run_is_not_overwritten(make_trainer, batches, tmp_path):
    make_trainer(folder=tmp_path).fit(batches)
    with pytest.raises(ConfigError, match="holds a run already: resume it"):
        make_trainer(folder=tmp_path)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"seed": 1}, "has seed 0 and this one has 1"),
        ({"optimizer": torch.optim.SGD}, "has optimizer 'AdamW' and this one has 'SGD'"),
        ({"ema": 0.5}, "has ema None and this one has 0.5"),
    ],
)
def test_another_run_is_not_resumed(make_trainer, batches, tmp_path, options, sentence):
    make_trainer(folder=tmp_path).fit(batches)
    with pytest.raises(ConfigError, match=sentence):
        make_trainer(folder=tmp_path, resume=True, **options).fit(batches)


def test_a_checkpoint_of_another_architecture(make_method, make_trainer, batches, tmp_path):
    make_trainer(make_method(width=4), folder=tmp_path).fit(batches)
    with pytest.raises(CheckpointError, match=r"'net.0.weight' has shape \(4, 1, 3, 3, 3\) there and \(8, "):
        make_trainer(make_method(width=8), folder=tmp_path, resume=True).fit(batches)


def test_what_a_checkpoint_tells(make_trainer, batches, tmp_path):
    make_trainer(folder=tmp_path, config={"classes": ["background", "a"]}).fit(batches)
    checkpoint = load_checkpoint(tmp_path)
    assert checkpoint.config == {"classes": ["background", "a"]}
    assert checkpoint.meta["method"] == "Supervised"
    assert checkpoint.meta["versions"]["torch"] == torch.__version__
    assert set(checkpoint.weights) == {f"{i}.{name}" for i, name in enumerate_small_net()}


def enumerate_small_net():
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    return [(0, "weight"), (0, "bias"), *[(1, name) for name in norm], (4, "weight"), (4, "bias")]


def test_a_configuration_that_is_not_json(make_trainer):
    with pytest.raises(ConfigError, match="cannot be written as JSON"):
        make_trainer(config={"spacing": torch.ones(3)})


def test_supervised_is_what_the_trainer_got(make_trainer):
    trainer = make_trainer()
    assert isinstance(trainer.predictor, Supervised)
