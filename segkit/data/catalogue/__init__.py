"""Public data sets at full size: what each is, how it is had, how its files are read."""
