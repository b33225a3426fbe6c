"""The experiments of chapter 7: every arm trains, pre-trainings are shared and see no label."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import count

import pytest
import torch

from segkit.data import Case, crop_or_pad, make_split, phantoms, resize, z_score
from segkit.data.splitting import load_split
from segkit.errors import CheckpointError, ConfigError, DataError
from segkit.experiments import make_draw, prepare, run_one, validate_record
from segkit.experiments.plans import _local_ssl as tuning
from segkit.experiments.plans import _local_ssl_data as data
from segkit.experiments.plans import _local_ssl_features as features
from segkit.experiments.plans import _local_ssl_pretraining as pretraining
from segkit.experiments.plans import find_plan, plan_names
from segkit.experiments.plans._local_ssl_speed import arrivals, updates_to
from segkit.experiments.plans.local_ssl import CORE, KINDS, PLANS, SOURCES, TISSUE, recipe
from segkit.train import one_cycle

TINY = {
    "acdc": replace(
        data.flat(16, 2), widths=(4, 4, 6), strides=(1, 2, 2), pairs=2, probe="decoder1",
        points={"decoder0": (4, 4), "decoder1": (4, 4), "bottom": (2, 2)},
    ),
    "openkbp": replace(
        data.solid((12, 12, 12), pairs=2, batch=2, air=-3.0, weight=(5.0, 1.0)), widths=(4, 6),
        strides=(2, 2), points={"decoder0": (3, 3, 3), "bottom": (2, 2, 2)},
    ),
}  # fmt: skip
TINY["hc18"] = TINY["acdc"]


def hearts(name: str) -> list[Case]:
    """Coarse phantoms of a few slices."""
    found = [z_score(case).with_(meta={}) for case in phantoms("cardiac_short_axis", 5)]
    return [resize(crop_or_pad(case, (3, 96, 96)), (3, 24, 24)) for case in found]


def heads(name: str) -> list[Case]:
    """The middle of phantoms."""
    return [
        resize(case.with_(meta={}, image=case.image / 250), (16, 16, 16))
        for case in phantoms("ct_head_neck", 5)
    ]


def scans(name: str) -> list[Case]:
    """Images that are no slices of anything."""
    return [resize(z_score(case).with_(meta={}), (24, 32)) for case in phantoms("ultrasound", 5)]


SMALL = {"acdc": hearts, "openkbp": heads, "hc18": scans}


def split(name: str):
    return make_split([case.group for case in SMALL[name](name)], (3, 1, 1), seed=0)


def small(name: str, **changes):
    """A plan of the chapter on tiny images with tiny networks and pre-trainings of two updates."""
    plan = find_plan(f"local_ssl/{name}")
    setup = TINY[plan.dataset]

    def shrunk(arm):
        options = dict(arm.method.keywords)
        options |= {"setup": setup}
        if options.get("recipe") is not None:
            taps = tuple(dict.fromkeys(t if t in setup.points else "bottom" for t in options["recipe"].taps))
            options["recipe"] = options["recipe"].but(updates=2, taps=taps)
        if options.get("first"):
            options["first"] = 2
        return replace(arm, method=partial(arm.method.func, **options))

    extra = tuning.costs if plan.extra is tuning.costs else partial(features.knowledge, setup=setup)
    return replace(
        plan, prepare=SMALL[plan.dataset], split=split, updates=2, metrics=("dice",), extra=extra,
        batches=partial(data.labelled_images, setup=setup),
        arms={name: shrunk(arm) for name, arm in plan.arms.items()}, **{"watched": 0, **changes},
    )  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """One cache for all tests of this file, and none of the user's."""
    folder = tmp_path_factory.getbasetemp() / "local_ssl_cache"
    monkeypatch.setenv("SEGKIT_CACHE", str(folder))
    return folder


@pytest.fixture(scope="module")
def prepared():
    return {name: prepare(replace(find_plan(f"local_ssl/features_{name}"), prepare=make, split=split))
            for name, make in SMALL.items()}  # fmt: skip


def one_draw(prepared, name: str = "acdc", index: int = 0, **setting):
    return make_draw(small(f"features_{name}"), prepared[name], index, {"n_labelled": 2, **setting})


@pytest.mark.parametrize("name", ["random", "random longer", *CORE, "masked", "PGL + global"])
@pytest.mark.parametrize("dataset", SMALL)
def test_every_arm_of_the_main_tables_trains_and_tells_its_cost(dataset, name, prepared):
    plan = small(f"controls_{dataset}")
    record = run_one(plan, prepared[dataset], name, 0, {"n_labelled": 2})
    validate_record(record)
    cost = record["evaluation"]["metrics"]["pretraining_s"][0][0]
    assert (cost == 0) == (name == "random")


@pytest.mark.parametrize("name", ["random", *KINDS])
@pytest.mark.parametrize("dataset", ["acdc", "hc18"])
def test_every_pretraining_is_probed(dataset, name, prepared):
    plan = small(f"features_{dataset}")
    record = run_one(plan, prepared[dataset], name, 0, {"n_labelled": 2, "tap": "bottom"})
    validate_record(record)
    metrics = record["evaluation"]["metrics"]
    assert set(metrics) == {
        "dice", "hits", "error", "chance", "positional_share", "pretraining_s", "pretraining_loss",
        "pretraining_spread",
    }  # fmt: skip
    assert 0 <= metrics["hits"][0][0] <= 1 and 0 <= metrics["positional_share"][0][0] <= 1
    assert (metrics["pretraining_loss"][0][0] is None) == (name == "random")


def test_a_probe_leaves_the_network_alone(prepared):
    plan = small("features_acdc")
    method = plan.arms["PGL"].method(one_draw(prepared))
    assert not any(each.requires_grad for each in method.net.parameters())
    assert any(each.requires_grad for each in method.parameters())
    volume = hearts("")[0].image[None]
    assert method.eval().predict(volume).shape == (1, 4, *volume.shape[2:])


def test_points_in_air_are_not_looked_for(prepared):
    draw = one_draw(prepared, "openkbp")
    setup = TINY["openkbp"]
    air = draw.train[0].with_(image=torch.full_like(draw.train[0].image, -4.0))
    net = tuning.network(setup, 8)
    found = features.looked_for(air, air.label, net=net, tap="decoder0", setup=setup, whole={"given": 1.0})
    assert found["given"] == [1.0] * 7
    assert all(torch.tensor(found[name]).isnan().all() for name in ("hits", "error", "chance"))


def test_arms_in_tissue_leave_air_out_of_the_pretraining_and_of_nothing_else():
    for name, plan in PLANS.items():
        there = {arm for arm in plan.arms if arm.endswith(" in tissue")}
        wanted = {"PGL in tissue", "InfoNCE in tissue"} if name == "features_chaos" else set()
        assert there == wanted, name
    plan = PLANS["features_chaos"]
    for name in ("PGL", "InfoNCE"):
        usual, arm = (plan.arms[each].method.keywords for each in (name, f"{name} in tissue"))
        assert usual["setup"].air is None
        assert arm["setup"] == replace(usual["setup"], air=TISSUE["chaos"])
        assert arm["recipe"] == usual["recipe"]


def test_a_pretraining_is_made_once_and_shared_by_draws(prepared, monkeypatch):
    made = count()
    make = pretraining._make
    monkeypatch.setattr(pretraining, "_make", lambda *given: (next(made), make(*given)))
    setup, asked = TINY["acdc"], recipe("acdc", "PGL", updates=3, taps=("bottom",))
    use = partial(tuning.checkpoint_of, setup=setup, recipe=asked, seeds=2)
    first = use(one_draw(prepared, index=0))
    again = use(one_draw(prepared, index=2, n_labelled=1))
    assert next(made) == 1 and again.folder == first.folder and again.facts == first.facts
    other = use(one_draw(prepared, index=1))
    named = use(one_draw(prepared, index=0, pretraining=1))
    assert next(made) == 3 and other.folder == named.folder != first.folder
    assert first.facts.keys() == {"cpu_s", "wall_s", "updates", "loss", "spread"}
    assert first.facts["cpu_s"] > 0


def test_a_pretraining_that_was_interrupted_leaves_nothing(prepared, monkeypatch, cache):
    asked = recipe("acdc", "PGL", updates=4, taps=("bottom",))
    use = partial(tuning.checkpoint_of, one_draw(prepared), setup=TINY["acdc"], recipe=asked)

    def full(*given, **options):
        raise CheckpointError("the disk is full")

    with monkeypatch.context() as patch, pytest.raises(CheckpointError):
        patch.setattr(pretraining, "save_checkpoint", full)
        use()
    assert use().facts["updates"] == 4


def test_the_name_of_a_checkpoint_changes_with_all_that_it_depends_on(prepared):
    draw = one_draw(prepared)
    asked, setup, cases = recipe("acdc", "PGL"), TINY["acdc"], pretraining.unlabelled_pool(draw)
    brighter = [cases[0].with_(image=cases[0].image + 1), *cases[1:]]
    names = [
        pretraining.fingerprint(*given)
        for given in (
            (asked, setup, cases, 0),
            (asked, setup, cases, 1),
            (asked.but(lr=1e-4), setup, cases, 0),
            (asked.but(options={"local": {"over": "map"}}), setup, cases, 0),
            (asked, replace(setup, view=(12, 12)), cases, 0),
            (asked, setup, brighter, 0),
            (asked, setup, cases[1:], 0),
        )
    ]
    assert len(set(names)) == len(names)


def test_pretraining_sees_images_of_the_training_part_and_no_label(prepared):
    for index, n in ((0, 1), (1, 2)):
        draw = one_draw(prepared, index=index, n_labelled=n)
        pool = pretraining.unlabelled_pool(draw)
        train = set(split("acdc").train)
        assert all(case.label is None for case in pool)
        assert {case.group for case in pool} == train
        assert [case.id for case in pool] == sorted(c.id for c in hearts("") if c.group in train)


def test_pretrained_weights_arrive_and_the_head_is_that_of_the_draw(prepared):
    draw, setup = one_draw(prepared), TINY["acdc"]
    asked = recipe("acdc", "PGL", updates=3, taps=("bottom",))
    fresh, names, _ = tuning.start(draw, setup=setup, recipe=None)
    assert names == ()
    net, names, _ = tuning.start(draw, setup=setup, recipe=asked)
    before, after = fresh.state_dict(), net.state_dict()
    assert {name.split(".")[0] for name in names} == {"downs", "encoders"}
    weights = [name for name in names if name.endswith("conv.weight")]
    assert weights and not any(torch.equal(before[name], after[name]) for name in weights)
    assert all(torch.equal(before[name], after[name]) for name in before if name not in names)
    deep = asked.but(taps=("decoder0",))
    _, whole, _ = tuning.start(draw, setup=setup, recipe=deep)
    _, half, _ = tuning.start(draw, setup=setup, recipe=deep, part=tuning.ENCODER)
    assert set(half) < set(whole) and not any(name.startswith("decoders") for name in half)


def test_pretrained_tensors_have_their_own_rate(prepared):
    method = tuning.tuned(
        one_draw(prepared), setup=TINY["acdc"], recipe=recipe("acdc", "PGL", updates=2, taps=("bottom",)),
        factor=0.1,
    )  # fmt: skip
    optimizer = tuning.slower_where_marked(method.parameters(), lr=1.0)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert {rates[id(p)] for p in method.old} == {0.1}
    assert {rates[id(p)] for p in method.parameters()} == {0.1, 1.0}
    plain = tuning.tuned(one_draw(prepared), setup=TINY["acdc"])
    assert {g["lr"] for g in tuning.slower_where_marked(plain.parameters(), lr=1.0).param_groups} == {1.0}


def test_the_control_learns_from_the_same_labels_before(prepared):
    draw = one_draw(prepared)
    plain = tuning.tuned(draw, setup=TINY["acdc"])
    longer = tuning.tuned(draw, setup=TINY["acdc"], first=2, training={"schedule": one_cycle, "lr": 1e-2})
    name = "head.mix.conv.weight"
    assert not torch.equal(plain.net.state_dict()[name], longer.net.state_dict()[name])
    assert longer.cost["pretraining_s"] > 0 == plain.cost["pretraining_s"]


def test_all_arms_of_a_draw_see_the_same_batches():
    for name in PLANS:
        assert all(arm.batches is None for arm in PLANS[name].arms.values())


def test_restored_views_keep_their_intensities_and_flips_are_as_asked(prepared):
    cases, setup = pretraining.unlabelled_pool(one_draw(prepared)), TINY["acdc"]
    made = partial(pretraining.view_batches, setup=setup, cases=cases, seed=0)
    assert made(recipe("acdc", "masked")).intensity is None
    assert made(recipe("acdc", "PGL")).intensity is not None
    flips = {way: made(recipe("acdc", "PGL", flips=way)).boxes for way in pretraining.FLIPS}
    assert [flips[way].flip_axes for way in pretraining.FLIPS] == [(), (0, 1), (0, 1)]
    assert [flips[way].together for way in pretraining.FLIPS] == [False, False, True]


def test_what_does_not_exist_is_named(prepared):
    net = tuning.network(TINY["acdc"], 2)
    with pytest.raises(ConfigError, match="kind of pre-training"):
        pretraining.pretraining_method(pretraining.Recipe("infoNCE"), TINY["acdc"], net)
    with pytest.raises(ConfigError, match="way to mirror views"):
        pretraining.view_batches(recipe("acdc", "PGL", flips="both"), TINY["acdc"], [], 0)


def test_choices_see_no_patient_of_the_test_part_and_other_draws():
    for name in data.SETUPS:
        found, usual = data.for_choices(name), load_split(name)
        assert found.test == () and not set(found.train) & set(found.validation)
        assert {*found.train, *found.validation} == {*usual.train, *usual.validation}
        assert not {*found.train, *found.validation} & set(usual.test)
    for name in plan_names():
        plan = find_plan(name)
        if plan.slug == "local_ssl" and plan.part == "validation":
            assert plan.split is data.for_choices and min(plan.draw_numbers) >= 100


def test_weights_of_another_set_fit(prepared):
    assert set(SOURCES) == set(data.SETUPS)
    for one, other in ((one, other) for one, others in SOURCES.items() for other in others):
        first, second = data.SETUPS[one], data.SETUPS[other]
        assert (first.dims, first.widths, first.strides) == (second.dims, second.widths, second.strides)


def test_another_set_is_the_pool_where_one_is_named(prepared, monkeypatch):
    seen = []

    def pool(name):
        seen.append(name)
        return pretraining.unlabelled_pool(one_draw(prepared))

    monkeypatch.setattr(tuning, "pool_of", pool)
    monkeypatch.setitem(tuning.SETUPS, "chaos", TINY["acdc"])
    plan = small("transfer_acdc")
    plan.arms["PGL of chaos"].method(one_draw(prepared))
    plan.arms["PGL of acdc"].method(one_draw(prepared))
    assert seen == ["chaos"]


def test_volumes_stand_on_their_slices():
    case = phantoms("cardiac_short_axis", 1)[0]
    lying = case.with_(
        image=case.image.movedim(1, 3), label=case.label.movedim(0, 2), affine=case.affine[:, [1, 2, 0, 3]],
        spacing_mm=(*case.spacing_mm[1:], case.spacing_mm[0]), meta={},
    )  # fmt: skip
    found = data.abdomen(lying)
    assert found.shape == (case.shape[0], data.CHAOS_GRID, data.CHAOS_GRID)
    assert found.spacing_mm[0] == pytest.approx(case.spacing_mm[0])
    assert found.spacing_mm[1] == pytest.approx(2 * case.spacing_mm[1])
    small_one = resize(z_score(case).with_(meta={}), found.shape)
    torch.testing.assert_close(found.image, small_one.image)
    assert torch.equal(found.label, small_one.label)


def watched(arm, dice, *, draw=0):
    history = {"validation": {"update": [10, 20, 30], "dice": dice}} if dice else {}
    return {"arm": arm, "draw": draw, "setting": {"n_labelled": 2}, "dataset": "acdc", "history": history}


def test_a_run_arrives_where_its_curve_crosses_the_goal_of_the_baseline():
    runs = [
        watched("random", [0.2, 0.6, 0.8]),
        watched("PGL", [0.5, 0.7, 0.75]),
        watched("poor", [None, 0.1, 0.2]),
    ]
    found = {row["arm"]: row for row in arrivals(runs, baseline="random", share=0.75)}
    assert found["random"]["goal"] == pytest.approx(0.6)
    assert found["random"]["updates"] == pytest.approx(20)
    assert found["PGL"]["updates"] == pytest.approx(15)
    assert found["poor"]["updates"] is None
    assert updates_to(runs[0], goal=0.1) == pytest.approx(5)
    with pytest.raises(DataError, match="lacks the arm 'random'"):
        arrivals([watched("PGL", [0.5, 0.7, 0.75], draw=3)], baseline="random")
    with pytest.raises(DataError, match="watched no cases"):
        updates_to(watched("PGL", None), goal=0.5)


def test_the_pool_of_another_set_is_its_training_part_without_labels(monkeypatch):
    monkeypatch.setitem(pretraining.PREPARE, "acdc", hearts)
    monkeypatch.setattr(pretraining, "load_split", split)
    pretraining.pool_of.cache_clear()
    found = pretraining.pool_of("acdc")
    pretraining.pool_of.cache_clear()
    assert {case.group for case in found} == set(split("acdc").train)
    assert all(case.label is None for case in found)
