"""What can be wrong with an object that is to be printed canonically.

CanonicalError
├── QuantityError        a resource amount that no one can read
├── TypedPassageError    a value of another type than the Kubernetes model has at that place
└── RevisionDataError    the data of a ControllerRevision cannot be applied to a LeaderWorkerSet
"""


class CanonicalError(ValueError):
    """An object has no canonical form. The schema of the API server keeps such objects out."""


class QuantityError(CanonicalError):
    """A resource amount is not a quantity as Kubernetes understands it (spec 9.1.3)."""


class TypedPassageError(CanonicalError):
    """A value has another type than the Kubernetes model says.

    ``path`` is where, as in ``spec.containers[0].name``; it grows from the inside out while the error rises.
    """

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem, path)
        self.problem = problem
        self.path = path

    def within(self, step: str) -> "TypedPassageError":
        """The same error seen from one level further out; ``step`` is a field name or ``[index]``."""
        joint = "" if not self.path or self.path.startswith("[") else "."
        return TypedPassageError(self.problem, f"{step}{joint}{self.path}")

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem


class RevisionDataError(CanonicalError):
    """The data of a ControllerRevision is not JSON, or does not fit a LeaderWorkerSet."""
