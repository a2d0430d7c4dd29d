"""Lifecycle events for programs of others: what they say, where one may begin, how they are carried."""
