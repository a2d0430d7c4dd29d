"""What goes wrong with another release."""


class ReleaseError(Exception):
    """Another release cannot be found or run, or cannot take in the journal. ``hint`` says what to do."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
