"""Settings of all tests."""

from hypothesis import settings

# The same cases on every machine and every day; a law over the registry is drawn often enough by its other columns.
settings.register_profile("intertwine", deadline=None, derandomize=True, max_examples=20, database=None)
settings.load_profile("intertwine")
