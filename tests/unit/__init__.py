"""Tests of pure functions: no network, no clock, no files but the golden vectors."""
