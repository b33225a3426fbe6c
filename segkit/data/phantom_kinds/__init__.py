"""The scenes that `phantom` draws, one file per kind, on shapes, smooth fields and a canvas in mm."""
