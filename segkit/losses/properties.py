"""What a loss owes its users, as functions that raise an AssertionError of one sentence when it does not
hold.

The test suite runs them on every loss of this library, `segkit bench losses` on those of MONAI, and a page
may run them on a loss that its reader wrote. Each takes a loss `(logits, labels, valid) → scalar` where
labels may be IGNORE and valid may be None.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from segkit.losses import masking
from segkit.losses.probing import (
    CLASSES,
    Loss,
    NotOfferedError,
    example,
    fail,
    require_close,
    require_true_gradient,
    saved_bytes,
    value_and_gradient,
)


def matches_oracle(loss: Loss, oracle: Callable[[Tensor, Tensor], float]) -> None:
    """It equals a naive loop over voxels, in float64, in 1-D to 3-D, with and without ignored voxels."""
    for size in ((7,), (3, 4), (2, 3, 4)):
        for ignored in (False, True):
            for classes in (2, 4):
                logits, labels = example(*size, classes=classes, ignored=ignored, seed=len(size))
                wanted = torch.tensor(oracle(logits.detach(), labels), dtype=torch.float64)
                require_close(
                    loss(logits, labels, None), wanted, f"differs from the loop at {size}", tolerance=1e-9
                )


def has_closed_form(loss: Loss, logits: Tensor, labels: Tensor, value: float) -> None:
    """It has a value that is known on paper."""
    wanted = torch.tensor(value, dtype=torch.float64)
    require_close(loss(logits, labels, None), wanted, "differs from the value on paper")


def gradient_is_right(loss: Loss) -> None:
    """Its gradient is that of its value, by central differences in float64."""
    require_true_gradient(loss, *example(3, 2))


def ignores_common_shift(loss: Loss) -> None:
    """Adding a number to all logits of a voxel changes nothing: the softmax does not see it."""
    logits, labels = example(3, 4)
    shift = torch.randn(2, 1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    value, gradient = value_and_gradient(loss, logits, labels)
    moved, moved_gradient = value_and_gradient(loss, logits + 10 * shift, labels)
    require_close(moved, value, "changes when the logits of each voxel are shifted", tolerance=1e-5)
    require_close(moved_gradient, gradient, "another gradient when logits are shifted", tolerance=1e-5)


def ignores_order_of_voxels(loss: Loss) -> None:
    """Permuting the voxels permutes the gradient and leaves the value."""
    logits, labels = example(4, 5)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(2))

    def permuted(tensor: Tensor) -> Tensor:
        return tensor.flatten(-2)[..., order].view(tensor.shape)

    value, gradient = value_and_gradient(loss, logits, labels)
    moved, moved_gradient = value_and_gradient(loss, permuted(logits.detach()), permuted(labels))
    require_close(moved, value, "changes when voxels are permuted")
    require_close(moved_gradient, permuted(gradient), "does not permute its gradient with the voxels")


def _require_finite(loss: Loss, logits: Tensor, labels: Tensor, where: str) -> None:
    value, gradient = value_and_gradient(loss, logits, labels)
    if not (value.isfinite() and gradient.isfinite().all()):
        fail(f"value {float(value)} or gradient is not finite {where}")


def one_voxel_is_enough(loss: Loss) -> None:
    """One voxel has a finite value and gradient, whatever its label."""
    logits, _ = example(1, 1, batch=1)
    for label in range(CLASSES):
        _require_finite(loss, logits, torch.full((1, 1, 1), label), f"for a single voxel of class {label}")


def absent_class_is_finite(loss: Loss) -> None:
    """A class that no voxel has leaves value and gradient finite."""
    logits, labels = example(3, 4)
    for absent in range(CLASSES):
        rest = torch.where(labels == absent, (absent + 1) % CLASSES, labels)
        _require_finite(loss, logits, rest, f"without class {absent}")
        _require_finite(loss, logits, torch.full_like(labels, absent), f"with class {absent} alone")


def large_logits_are_finite(loss: Loss) -> None:
    """Logits of ±10⁴, right or wrong, leave value and gradient finite, also in float32."""
    _, labels = example(3, 4)
    onehot = torch.nn.functional.one_hot(labels, CLASSES).movedim(-1, 1)
    for dtype in (torch.float64, torch.float32):
        for size in (1e4, -1e4):
            _require_finite(loss, (size * onehot).to(dtype), labels, f"for logits of {size:g} in {dtype}")


def depth_one_is_flat(loss: Loss) -> None:
    """An image and the same image as a volume of depth 1 have one value and one gradient."""
    logits, labels = example(4, 5)
    value, gradient = value_and_gradient(loss, logits, labels)
    for axis in (2, 4):
        deep, deep_gradient = value_and_gradient(loss, logits.unsqueeze(axis), labels.unsqueeze(axis - 1))
        require_close(deep, value, "2-D differs from 3-D of depth 1")
        require_close(deep_gradient.squeeze(axis), gradient, "2-D has another gradient than 3-D of depth 1")


def layout_changes_nothing(loss: Loss) -> None:
    """Logits in channels-last memory, or a view with gaps, give the value and gradient of contiguous ones."""
    logits, labels = example(4, 6)
    value, gradient = value_and_gradient(loss, logits, labels)
    wide = torch.zeros(2, CLASSES, 4, 12, dtype=torch.float64)
    wide[..., ::2] = logits.detach()
    for name, view in (
        ("channels-last", logits.detach().to(memory_format=torch.channels_last)),
        ("strided", wide[..., ::2]),
    ):
        moved = view.requires_grad_()
        (moved_gradient,) = torch.autograd.grad(loss(moved, labels, None), moved)
        require_close(loss(moved, labels, None), value, f"{name} logits give another value")
        require_close(moved_gradient, gradient, f"{name} logits give another gradient")


def wrong_shapes_raise(loss: Loss) -> None:
    """Labels of another batch or grid raise an error; they are not broadcast."""
    logits, labels = example(4, 4)
    for what, wrong in (
        ("one label map for two images", labels[:1]),
        ("labels of half the grid", labels[:, :2]),
        ("labels of a single column", labels[:, :, :1]),
        ("labels with an axis too many", labels[:, None, None]),
    ):
        try:
            value = loss(logits, wrong, None)
        except NotOfferedError:
            raise
        except Exception:  # any error will do
            continue
        fail(f"accepts {what} and returns {float(value.detach()):.3g}")


def keeps_dtype(loss: Loss) -> None:
    """The loss has the dtype of the logits."""
    logits, labels = example(4, 5)
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        value = loss(logits.detach().to(dtype).requires_grad_(), labels, None)
        if value.dtype != dtype:
            fail(f"{dtype} logits give a loss of {value.dtype}")


def sums_in_full_precision(loss: Loss) -> None:
    """Half-precision logits lose what their rounding costs and no more, over many voxels, too."""
    logits, labels = example(300, 300, batch=1)
    for dtype in (torch.bfloat16, torch.float16):
        rounded = logits.detach().to(dtype)
        exact = loss(rounded.double().requires_grad_(), labels, None).detach()
        value = loss(rounded.requires_grad_(), labels, None).detach().double()
        require_close(value, exact, f"is imprecise for 90,000 voxels in {dtype}", tolerance=1e-2)


def repeats_itself(loss: Loss) -> None:
    """The same input gives the same bits."""
    logits, labels = example(5, 5)
    first, first_gradient = value_and_gradient(loss, logits, labels)
    second, second_gradient = value_and_gradient(loss, logits, labels)
    require_close(second, first, "gives two values for one input", tolerance=0.0)
    require_close(second_gradient, first_gradient, "gives two gradients for one input", tolerance=0.0)


def shards_average_to_batch(loss: Loss) -> None:
    """The mean over equal shards is the loss of the whole batch: what data-parallel training assumes."""
    logits, labels = example(9, batch=4)
    value, gradient = value_and_gradient(loss, logits, labels)
    parts = [value_and_gradient(loss, logits[i : i + 2], labels[i : i + 2]) for i in (0, 2)]
    require_close(
        torch.stack([part[0] for part in parts]).mean(), value, "two shards average to another value"
    )
    halves = torch.cat([part[1] for part in parts]) / 2
    require_close(halves, gradient, "two shards average to another gradient")


def compiles(loss: Loss) -> None:
    """Under `torch.compile` value and gradient are those of eager mode. Slow: it needs a C++ compiler."""
    logits, labels = example(4, 5, ignored=True)
    value, gradient = value_and_gradient(loss, logits, labels)
    fast, fast_gradient = value_and_gradient(torch.compile(loss), logits, labels)
    require_close(fast, value, "compiled value differs from eager")
    require_close(fast_gradient, gradient, "compiled gradient differs from eager")


def stays_within_memory(loss: Loss, *, maps: float) -> None:
    """It keeps at most `maps` tensors of the size of the logits for the gradient."""
    logits, labels = example(32, 32, classes=8)
    logits = logits.detach().float().requires_grad_()
    used = saved_bytes(loss, logits, labels) / (logits.numel() * logits.element_size())
    if used > maps:
        fail(f"keeps {used:.2f} maps of the size of the logits, more than the {maps:g} that it states")


PROPERTIES: dict[str, Callable[[Loss], None]] = {
    check.__name__: check
    for check in (
        gradient_is_right,
        masking.gradient_is_right_beside_ignored,
        ignores_common_shift,
        ignores_order_of_voxels,
        masking.ignored_voxels_change_nothing,
        masking.ignored_nan_changes_nothing,
        masking.ignoring_equals_removing_voxels,
        masking.ignoring_equals_removing_images,
        masking.nothing_valid_is_zero,
        one_voxel_is_enough,
        absent_class_is_finite,
        large_logits_are_finite,
        depth_one_is_flat,
        layout_changes_nothing,
        wrong_shapes_raise,
        keeps_dtype,
        sums_in_full_precision,
        repeats_itself,
        shards_average_to_batch,
    )
}
"""The properties that need nothing but the loss and take no time, by name."""
