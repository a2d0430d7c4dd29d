"""What a change would do: the present or a past state, rebuilt in the simulated cluster, and what then happens there.

``past`` reads a journal, ``rebuilding`` and its neighbours make the cluster that it speaks of, ``adoption`` takes one
from an API server instead; ``controller`` runs the real machine and the real writes in virtual time; ``questions`` are
the changes; ``course`` watches what they lead to, and ``forecast`` says it in numbers and steps. Nothing here writes
anywhere but into the simulation.
"""
