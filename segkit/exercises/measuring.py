"""Checks of the chapter on measuring a segmentation and comparing two methods."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from segkit.exercises.judging import Hint, call, compare, letters, numbers
from segkit.exercises.registry import Wrong, exercise


def _dice_of_balls(radius: float, shift: float) -> float:
    t = min(shift / radius, 2.0)
    return (4 + t) * (2 - t) ** 2 / 16


DICE_OF_SHIFTED_BALLS = {
    "intervals": Wrong(
        lambda radius, shift: max(0.0, 1 - shift / (2 * radius)),
        "That is the Dice of two intervals. A ball loses more: most of its volume lies near its surface.",
    ),
    "intersection over union": Wrong(
        lambda radius, shift: (d := _dice_of_balls(radius, shift)) / (2 - d),
        "That is intersection over union; Dice divides by the mean of the two volumes.",
    ),
    "touching balls": Wrong(
        lambda radius, shift: (4 + (t := shift / radius)) * (2 - t) ** 2 / 16,
        "Balls that do not touch have Dice 0, but your formula rises again beyond a shift of 2 r.",
    ),
}


@exercise(
    "measuring.dice_of_shifted_balls",
    kind="derive",
    minutes=10,
    start="The overlap is two caps of height r − d/2; a cap of height h has the volume π h² (3 r − h) / 3.",
    wrong=DICE_OF_SHIFTED_BALLS,
)
def check_dice_of_shifted_balls(answer: Any) -> None:
    inputs = [(10.0, 0.0), (10.0, 2.0), (5.0, 7.5), (4.0, 8.0), (3.0, 11.0)]
    compare(answer, _dice_of_balls, inputs, mistakes=DICE_OF_SHIFTED_BALLS)


def _mean_hd95(hd95: NDArray, missed: NDArray, diagonal: NDArray) -> float:
    return float(np.nanmean(np.where(missed, diagonal, hd95)))


MEAN_HD95 = {
    "left out": Wrong(
        lambda hd95, missed, diagonal: np.nanmean(hd95),
        "A missed structure leaves the mean, so the method that misses the hardest cases looks best.",
    ),
    "zero": Wrong(
        lambda hd95, missed, diagonal: np.nanmean(np.where(missed, 0.0, hd95)),
        "A distance of 0 mm is the best there is, and you give it to a structure that was missed.",
    ),
    "infinite": Wrong(
        lambda hd95, missed, diagonal: np.nanmean(np.where(missed, np.inf, hd95)),
        "One miss makes the mean infinite, and two methods with a miss each cannot be told apart any more.",
    ),
    "absent is missed": Wrong(
        lambda hd95, missed, diagonal: np.mean(np.where(np.isnan(hd95), diagonal, hd95)),
        "Where there is no such structure and none was predicted, nothing is wrong: leave that case out.",
    ),
}


@exercise(
    "measuring.mean_hd95",
    kind="implement",
    minutes=10,
    start="A missed structure is as far away as anything in its image can be; an absent one has no distance.",
    wrong=MEAN_HD95,
)
def check_mean_hd95(answer: Any) -> None:
    generator = np.random.default_rng(1)
    inputs = []
    for n in (6, 12):
        hd95 = generator.uniform(1, 9, n)
        hd95[:3] = np.nan
        missed = np.zeros(n, bool)
        missed[:2] = True  # the third has no structure at all
        inputs.append((hd95, missed, generator.uniform(50, 90, n)))
    compare(answer, _mean_hd95, inputs, mistakes=MEAN_HD95)


def _sign_test(differences: NDArray, *, alternative: str = "two-sided") -> float:
    differences = np.asarray(differences)
    wins, n = int((differences > 0).sum()), int((differences != 0).sum())
    return float(stats.binomtest(wins, n, 0.5, alternative).pvalue)


def _doubled(differences: NDArray) -> float:
    wins, n = int((np.asarray(differences) > 0).sum()), int((np.asarray(differences) != 0).sum())
    return 2 * float(stats.binom.sf(max(wins, n - wins) - 1, n, 0.5))


SIGN_TEST = {
    "one side": Wrong(
        lambda differences: _sign_test(differences, alternative="greater"),
        "That asks for wins only. Two-sided: a table as uneven in the other direction counts too.",
    ),
    "ties as losses": Wrong(
        lambda d: stats.binomtest(int((np.asarray(d) > 0).sum()), len(d), 0.5).pvalue,
        "Draws without a difference are no losses; the test leaves them out.",
    ),
    "above one": Wrong(_doubled, "With as many wins as losses yours exceeds 1, which is no probability."),
    "normal curve": Wrong(
        lambda d: 2 * stats.norm.sf(abs(np.sign(d).sum()) / math.sqrt(np.count_nonzero(d))),
        "That is the normal curve. With so few draws, count the binomial probabilities themselves.",
    ),
}


@exercise(
    "measuring.sign_test",
    kind="derive",
    minutes=10,
    start="Without an effect each draw is a coin: sum C(n, j) / 2ⁿ over results at least as uneven as yours.",
    wrong=SIGN_TEST,
)
def check_sign_test(answer: Any) -> None:
    tables = [
        [0.3, 0.1, 0.2, 0.5, 0.4],
        [0.2, -0.1, 0.0, 0.3, 0.1, 0.4, 0.0],
        [-0.2, -0.1, -0.3, 0.1, -0.4, -0.5],
        [0.1, -0.1, 0.2, -0.3],
    ]
    compare(answer, _sign_test, [(np.array(table),) for table in tables], mistakes=SIGN_TEST)


N_RESAMPLES = 400


def _percentiles(means: Any) -> tuple[float, float]:
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def _resampled(pick: Callable[[NDArray, np.random.Generator], Any]) -> Callable[..., tuple[float, float]]:
    """A bootstrap whose resample of the table is what `pick` returns."""

    def interval(scores: NDArray, generator: np.random.Generator) -> tuple[float, float]:
        return _percentiles([np.mean(pick(scores, generator)) for _ in range(N_RESAMPLES)])

    return interval


def _again(n: int, generator: np.random.Generator) -> NDArray:
    return generator.integers(n, size=n)


_both = _resampled(lambda s, g: s[_again(len(s), g)][:, _again(s.shape[1], g)])

BOOTSTRAP = {
    "cases only": Wrong(
        _resampled(lambda s, g: s[:, _again(s.shape[1], g)]),
        "You resample the cases only, so your interval says nothing about another training run.",
    ),
    "draws only": Wrong(
        _resampled(lambda s, g: s[_again(len(s), g)]),
        "You resample the draws only; other patients would have given other scores too.",
    ),
    "all alike": Wrong(
        _resampled(lambda s, g: s.ravel()[_again(s.size, g)]),
        "You resample single scores as if they were independent; those of one draw share a net.",
    ),
    "cases anew": Wrong(
        _resampled(lambda s, g: np.stack([row[_again(len(row), g)] for row in s[_again(len(s), g)]])),
        "You choose new cases for each draw, but all draws were tested on the same cases: choose them once.",
    ),
    "without replacement": Wrong(
        _resampled(lambda s, g: g.permutation(s)),
        "Your interval has no width: resample with replacement.",
    ),
    "single scores": Wrong(
        lambda scores, generator: _percentiles(scores),
        "That is the spread of single scores; an interval for their mean is narrower.",
    ),
}


def _widths(interval: Callable[..., Any]) -> NDArray:
    """Width of the interval on a table where the draws differ and on one where the cases do."""
    widths = []
    for seed, (draw_sd, case_sd) in enumerate(((0.05, 0.02), (0.01, 0.1))):
        generator = np.random.default_rng(seed)
        scores = 0.8 + draw_sd * generator.normal(size=(12, 1)) + case_sd * generator.normal(size=(1, 40))
        scores = scores + 0.02 * generator.normal(size=scores.shape)
        ends = numbers(call(interval, scores, np.random.default_rng(7)))
        if ends.shape != (2,):
            raise Hint(f"Return two numbers, low and high, not an array of shape {ends.shape}.")
        if not ends[0] <= scores.mean() <= ends[1]:
            raise Hint("The mean of the table does not lie between your low and high.")
        widths.append(ends[1] - ends[0])
    return np.log(np.maximum(widths, 1e-6))


@exercise(
    "measuring.bootstrap",
    kind="implement",
    minutes=15,
    start="Draw row numbers with replacement, draw column numbers with replacement, take the mean; repeat.",
    wrong=BOOTSTRAP,
)
def check_bootstrap(answer: Any) -> None:
    given = _widths(answer)
    if np.abs(given - _widths(_both)).max() < 0.2:
        return
    distances = {wrong.hint: np.abs(given - _widths(wrong.answer)).max() for wrong in BOOTSTRAP.values()}
    hint = min(distances, key=lambda name: distances[name])
    raise Hint(hint if distances[hint] < 0.2 else "Your interval has another width than the bootstrap's.")


def _n_draws(sd: float, effect: float, *, z: float = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) -> int:
    return math.ceil((z * sd / effect) ** 2)


DRAWS_NEEDED = {
    "no power": Wrong(
        lambda sd, effect: _n_draws(sd, effect, z=1.96),
        "With so few draws the effect is missed every second time: add the quantile of the wanted power.",
    ),
    "not squared": Wrong(
        lambda sd, effect: math.ceil(2.8016 * sd / effect),
        "The error of a mean shrinks with √n, so n grows with the square of sd / effect.",
    ),
    "unpaired": Wrong(
        lambda sd, effect: math.ceil(2 * (2.8016 * sd / effect) ** 2),
        "A factor of 2 too many: it belongs to two separate groups; here each draw gives one difference.",
    ),
    "rounded down": Wrong(
        lambda sd, effect: int((2.8016 * sd / effect) ** 2),
        "Round up: with one draw fewer the power stays below 80 %.",
    ),
}


@exercise(
    "measuring.draws_needed",
    kind="derive",
    minutes=10,
    start="The mean of n differences has the standard error sd / √n; the effect must be 1.96 + 0.84 of them.",
    wrong=DRAWS_NEEDED,
)
def check_draws_needed(answer: Any) -> None:
    inputs = [(0.02, 0.01), (0.03, 0.01), (0.012, 0.02), (0.05, 0.0135)]
    compare(answer, _n_draws, inputs, mistakes=DRAWS_NEEDED, tolerance=1e-9)


REPORT_FAULTS = {
    "2": "One fault is still hidden: would loss A have improved with more training?",
    "3": "One fault is still hidden: did both losses get the same care?",
    "5": "One fault is still hidden: for what was the test part used before the last look at it?",
    "6": "One fault is still hidden: where do missed structures go in the table?",
    "7": "One fault is still hidden: what is p a statement about, the losses or one pair of nets?",
}
REPORT_VIRTUES = {
    "1": "Sentence 1 is sound: the split is by patient and older than every choice.",
    "4": "Sentence 4 is sound: with the same draws for both losses the differences are paired.",
    "8": "Sentence 8 is sound: it shows the failures beside the mean, and an interval for the difference.",
}


@exercise(
    "measuring.criticise_report",
    kind="criticise",
    minutes=10,
    start="Ask of each sentence: could loss A look worse, or the difference surer, than it is because of it?",
    wrong={
        "trusts the p-value": Wrong({2, 3, 5, 6}, "one pair of nets"),
        "trusts the mean distance": Wrong({2, 3, 5, 7}, "missed structures"),
        "trusts the test part": Wrong("2, 3, 6, 7", "for what was the test part used"),
        "distrusts pairing": Wrong({2, 3, 4, 5, 6, 7}, "Sentence 4 is sound"),
        "distrusts the minimum": Wrong([2, 3, 5, 6, 7, 8], "Sentence 8 is sound"),
    },
)
def check_criticise_report(answer: Any) -> None:
    chosen = letters(answer, "12345678")
    for sentence, reason in REPORT_VIRTUES.items():
        if sentence in chosen:
            raise Hint(reason)
    for sentence, question in REPORT_FAULTS.items():
        if sentence not in chosen:
            raise Hint(question)
