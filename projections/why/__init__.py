"""Why things happened, and why they did not: causal chains and answers, read from the journal.

``stories`` follows a set and gives a chain for every end of a group, every failure that was left alone and every
rollout; ``decision`` explains one decision of any kind; ``verdict`` and ``waits`` say why nothing followed.
"""
