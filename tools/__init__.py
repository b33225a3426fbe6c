"""What stands between the sources and the built book: installing, executing, staging, building, checking."""
