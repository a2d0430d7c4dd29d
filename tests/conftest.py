"""Fixtures shared by all kinds of tests."""

pytest_plugins = ("tests.controlplane.fixtures",)
