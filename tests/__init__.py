"""The tests, a package so that `python -m tests.load.bench` and `tests.support` have one name."""
