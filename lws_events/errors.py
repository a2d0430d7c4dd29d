"""What can be wrong with a body of the journal, beyond not being JSON.

msgspec.DecodeError
└── UnknownShapeError   JSON, but not of a shape that this release knows
"""

import msgspec


class UnknownShapeError(msgspec.DecodeError):
    """A recorded body is of a kind that this release does not know: most likely a newer one has written it.

    It is never passed over: the fact that is not understood may be the deletion that a group must be recreated for.
    """

    def __init__(self, complaint: object) -> None:
        super().__init__(f"{complaint}; this release does not know such a record, a newer one may have written it")
