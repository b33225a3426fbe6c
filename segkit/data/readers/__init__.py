"""One module per data set: its registry entry, how its cases are found, how one is read."""
