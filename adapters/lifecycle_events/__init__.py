"""Lifecycle facts for programs of others, as CloudEvents: read from a journal, published on NATS, served over HTTP.

They are derived from DECISIONS (``projections.lifecycle``) and may be derived again at any time. Nothing here is needed
by the controller, and nothing here makes it wait.
"""
