"""segkit: the library behind the textbook *Five Ideas for Medical Image Segmentation*."""

__version__ = "0.1.0"
