"""Checks of the chapter on the U-Net and overlap losses."""

from segkit.exercises.unet import losses, network  # noqa: F401  they register their checks
