"""What can be wrong with an object that is sent for admission.

AdmissionError
├── UnreadableObjectError   a field does not have the type of its kind; answered with 400
└── PodDeniedError          a pod of a set lacks what the hook needs to place it; answered with 403

They end at ``admit`` and ``review``, which turn them into answers.
"""


class AdmissionError(ValueError):
    """The request cannot be admitted; the message says why, in the user's words."""


class UnreadableObjectError(AdmissionError):
    """An object does not have the types of its kind. The message names the path and what was expected there."""

    def __init__(self, path: str, complaint: str) -> None:
        super().__init__(f"{path or 'object'}: {complaint}")


class PodDeniedError(AdmissionError):
    """A pod that claims to belong to a set is not one that the controller would make."""
