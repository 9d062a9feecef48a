"""The tests; a package, so that they may share `tests.support.photos`."""

from tests.prerequisites import require

require()  # before any import that would fail
