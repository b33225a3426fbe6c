"""The room that the exercises are about."""

ROOM = "segkit.mask_prior"
"""What a reader is to reproduce; see `call_by_hand`."""
