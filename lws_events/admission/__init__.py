"""Admission: what a LeaderWorkerSet must be, what is filled in, and what a pod of a group is given (spec 1.3, 1.4, 3).

Pure functions on plain JSON. ``decide.admit`` answers one request in-process; ``review.respond`` answers one
AdmissionReview. Nothing here serves HTTP, and nothing is remembered between requests.
"""

from lws_events.admission.decide import Admitted, Answer, Denied, Operation, admit
from lws_events.admission.requests import RECORD, AdmissionRequest
from lws_events.admission.review import PATHS, Reviewed, respond
from lws_events.admission.validation import Surroundings

__all__ = [
    "PATHS",
    "RECORD",
    "AdmissionRequest",
    "Admitted",
    "Answer",
    "Denied",
    "Operation",
    "Reviewed",
    "Surroundings",
    "admit",
    "respond",
]
