"""The room that the exercises are about."""

ROOM = "segkit.local_ssl"
"""What a reader is to reproduce; see `call_by_hand`."""
