"""Tests of ``why`` and ``why-not``: chains, causes, verdicts and waits."""
