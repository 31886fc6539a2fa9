"""What every test has: the guard of :mod:`tests.guard`, and pytest's ``pytester``."""

pytest_plugins = ("pytester", "tests.guard")
