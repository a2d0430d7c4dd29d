"""The canonical serialisation (spec 9.1): objects printed byte for byte as the reference controller prints them.

The bytes decide whether a template changed, and their hash is the key on every pod. ``quantity`` prints resource
amounts, ``typed`` reads an object into the Kubernetes model and prints it again, ``text`` writes the JSON,
``strategic_merge`` applies stored data to a live object.
"""
