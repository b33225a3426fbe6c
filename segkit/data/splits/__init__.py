"""The committed splits, one JSON file per data set; `segkit.data.splitting` makes and reads them."""

from segkit.data.splitting import load_split

__all__ = ["load_split"]
