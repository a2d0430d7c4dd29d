"""Sets and groups at a glance, as of the machine's own state: what a page shows of the present, or of any moment.

A pure reading of an ``Aggregate``, live or folded up to a point: it keeps nothing and changes nothing. What only the
past can tell (since when, how often) is its caller's to add.
"""
