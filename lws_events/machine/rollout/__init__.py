"""Rolling updates: which partition and how many replicas the leader StatefulSet is to have, step by step (spec 4.5).

``planner`` is the reference's algorithm, bit for bit; ``refinements`` are the places where we differ on purpose, each
on its own. Both are pure functions of a ``Situation``: numbers, and groups as bits of integers (``bits``), so that a
plan costs the same for ten groups as for ten thousand. ``standing`` says what the leader StatefulSet is, ``situation``
puts all of it together; ``words`` tells people about a step. What keeps a rollout from going on is in ``blocked`` (the
planner waits for broken groups) and ``stuck`` (the StatefulSet controller does).
"""
