"""Strong views: the same voxels in other intensities, made on the device from the step's own generator.

Geometry is not touched, so that a target on the weak view is a target on the strong one, voxel by voxel.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import ConfigError

_CONV = {2: F.conv2d, 3: F.conv3d}


def noisy(image: Tensor, generator: torch.Generator, *, sd: float = 0.1, limit: float = 0.2) -> Tensor:
    """The image plus normal noise, cut at ±limit: the perturbation of [tarvainen2017meanteacher] as the
    public segmentation code has it.

    Args:
        image: (B, C, *S), intensities of standard deviation about 1 or in [0, 1].
        generator: where the noise is drawn from, on the device of the image.
        sd: standard deviation.
        limit: largest change.
    """
    noise = torch.randn(image.shape, generator=generator, device=image.device, dtype=image.dtype)
    return image + (sd * noise).clamp_(-limit, limit)


@dataclass(frozen=True)
class StrongView:
    """Contrast, offset, blur, noise and one square cut out, for each image anew.

    Intensities are meant to have mean 0 and standard deviation about 1.

    Attributes:
        contrast: the image is multiplied by a factor from 1 ± contrast.
        offset: and moved by up to ± offset.
        blur: probability of a blur of three voxels along each axis.
        noise: standard deviation of normal noise.
        cutout: side of the square (cube) that is set to the image's mean, as a share of each axis; 0 for
            none. The label there is not ignored: it must be told from the surroundings.

    Raises:
        ConfigError: a number is out of range.

    Example:
        >>> image = torch.randn(2, 1, 8, 8)
        >>> strong = StrongView()(image, torch.Generator().manual_seed(0))
        >>> strong.shape == image.shape, bool((strong != image).all())
        (True, True)
    """

    contrast: float = 0.5
    offset: float = 0.5
    blur: float = 0.5
    noise: float = 0.2
    cutout: float = 1 / 3

    def __post_init__(self) -> None:
        in_order = 0 <= self.contrast < 1 and 0 <= self.blur <= 1 and 0 <= self.cutout < 1
        if not in_order or min(self.offset, self.noise) < 0:
            raise ConfigError(
                f"{self}: contrast and cutout lie in [0, 1), blur in [0, 1], offset and noise are 0 or more"
            )

    def __call__(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """A strong view (B, C, *S) of images (B, C, *S), without gradient to them."""
        image = image.detach()
        batch, dims = len(image), image.ndim - 2
        one = (batch, *(1 for _ in image.shape[1:]))

        def uniform(low: float, high: float) -> Tensor:
            drawn = torch.rand(one, generator=generator, device=image.device, dtype=image.dtype)
            return low + (high - low) * drawn

        mean = image.mean(tuple(range(1, image.ndim)), keepdim=True)
        out = (image - mean) * uniform(1 - self.contrast, 1 + self.contrast)
        out = out + mean + uniform(-self.offset, self.offset)
        out = torch.where(uniform(0, 1) < self.blur, blurred(out), out)
        normal = torch.randn(image.shape, generator=generator, device=image.device, dtype=image.dtype)
        out = out + self.noise * normal
        inside = torch.ones(one, dtype=torch.bool, device=image.device)
        for axis in range(2, 2 + dims):
            n = image.shape[axis]
            side = round(self.cutout * n)
            first = (uniform(0, 1) * (n - side + 1)).floor()
            place = torch.arange(n, device=image.device).view(
                [n if a == axis else 1 for a in range(2 + dims)]
            )
            inside = inside & (place >= first) & (place < first + side)
        return torch.where(inside, mean, out)


def blurred(image: Tensor) -> Tensor:
    """The image (B, C, *S) after a filter of ¼, ½, ¼ along each axis, its border repeated."""
    batch, channels, *size = image.shape
    x = image.reshape(batch * channels, 1, *size)
    for axis in range(len(size)):
        kernel = image.new_tensor([0.25, 0.5, 0.25]).view(
            [1, 1, *(3 if a == axis else 1 for a in range(len(size)))]
        )
        sides = [int(a == axis) for a in reversed(range(len(size))) for _ in range(2)]
        x = _CONV[len(size)](F.pad(x, sides, mode="replicate"), kernel)
    return x.view(image.shape)
