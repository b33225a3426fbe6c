"""What tells a solution from a trivial one: entropy, foreground, gap and flips on unlabelled images.

A small consistency loss means nothing by itself. Outputs that agree because both are constant have a gap of
0 and no flips, as a perfect pair has; but their foreground share is 0 or 1, or their entropy is high.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from segkit.errors import DataError
from segkit.train import Method


@torch.no_grad()
def outlook(logits: Tensor) -> dict[str, Tensor]:
    """What a net says of unlabelled images, in two numbers.

    Args:
        logits: (B, K, *S).

    Returns:
        "entropy", the mean entropy of a pixel as a share of log K, in [0, 1]; "foreground", the share of
        pixels whose most probable class is a structure.

    Example:
        >>> {name: float(value) for name, value in outlook(torch.zeros(1, 2, 4)).items()}
        {'entropy': 1.0, 'foreground': 0.0}
    """
    log_p = torch.log_softmax(logits.detach().float(), 1)
    entropy = -(log_p.exp() * log_p).sum(1).mean() / math.log(logits.shape[1])
    return {"entropy": entropy, "foreground": (logits.argmax(1) > 0).float().mean()}


@torch.no_grad()
def gap(coarse: Tensor, refined: Tensor) -> Tensor:
    r"""Mean of $\lVert p_c - p_r \rVert_2$ over pixels, in [0, √2].

    Args:
        coarse: logits (B, K, *S).
        refined: logits (B, K, *S).
    """
    difference = torch.softmax(coarse.detach().float(), 1) - torch.softmax(refined.detach().float(), 1)
    return difference.norm(dim=1).mean()


class TargetWatch:
    """Looks at the same unlabelled images now and then: what are the targets, and how many have changed?

    Give it to `Trainer.fit(batches, validate=watch)` with `validate_every` set to the updates between looks.
    It is no part of the training: nothing learns from it.

    Args:
        images: (N, C, *S), unlabelled, all of one shape.
        labels: (N, *S), for a study that knows them: then the error rate of the targets is told as well.
        batch_size: images per call of `predict`.

    Raises:
        DataError: no images, voxels that are not finite, or labels of another shape.

    Example:
        >>> from segkit.train import Supervised
        >>> method = Supervised(torch.nn.Conv2d(1, 2, 1), torch.nn.CrossEntropyLoss())
        >>> watch = TargetWatch(torch.randn(2, 1, 4, 4))
        >>> sorted(watch(method)), watch(method)["flips"]
        (['entropy', 'flips', 'foreground'], 0.0)
    """

    def __init__(self, images: Tensor, labels: Tensor | None = None, *, batch_size: int = 8) -> None:
        if images.ndim < 3 or not len(images) or batch_size < 1:
            raise DataError(
                f"there are no images to watch in a tensor of shape {tuple(images.shape)}, {batch_size} at a "
                "time"
            )
        if not images.isfinite().all():
            raise DataError(
                f"{int((~images.isfinite()).sum())} voxels of the images to watch are NaN or infinite: "
                "replace them"
            )
        if labels is not None and labels.shape != (len(images), *images.shape[2:]):
            raise DataError(
                f"labels of shape {tuple(labels.shape)} do not belong to images of {tuple(images.shape)}"
            )
        self.images, self.labels, self.batch_size = images, labels, batch_size
        self.before: Tensor | None = None

    @torch.no_grad()
    def __call__(self, method: Method) -> dict[str, float]:
        """Look once.

        Args:
            method: in evaluation mode; what it predicts are the targets.

        Returns:
            "entropy" and "foreground" as in `outlook`; "flips", the share of pixels whose class has changed
            since the last look (0 at the first); "gap" of a net with two outputs; "errors", the share of
            wrong pixels, if there are labels.
        """
        device = next(method.parameters()).device
        net: Any = getattr(method, "net", None)
        rows: list[dict[str, Tensor]] = []
        classes = []
        parts = self.images.split(self.batch_size)
        for images in parts:
            probs = method.predict(images.to(device)).float()
            row = outlook(probs.clamp(min=1e-12).log())
            if hasattr(net, "outputs"):
                out = net.outputs(images.to(device))
                row["gap"] = gap(out.coarse, out.refined)
            rows.append(row)
            classes.append(probs.argmax(1).cpu())
        shares = [len(images) / len(self.images) for images in parts]
        found = {
            name: sum(share * float(row[name]) for share, row in zip(shares, rows, strict=True))
            for name in rows[0]
        }
        now = torch.cat(classes)
        found["flips"] = 0.0 if self.before is None else (now != self.before).float().mean().item()
        if self.labels is not None:
            found["errors"] = (now != self.labels.cpu())[self.labels.cpu() >= 0].float().mean().item()
        self.before = now
        return found
