"""GET: one object, a list in pages, the selection that both lists and watches share."""

import base64
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from adapters.simulation import objects, selectors
from adapters.simulation.errors import BadRequestError, ExpiredError
from adapters.simulation.http.targets import Target
from adapters.simulation.kinds import Kind
from adapters.simulation.objects import Object
from adapters.simulation.selectors import Selector
from adapters.simulation.store import Record, Store

PAGINATIONS_MAX = 256
"""Listings that may be half read at once; the oldest is forgotten (and expires) beyond that."""


@dataclass(frozen=True)
class Selection:
    """Which objects of a kind a request is about."""

    target: Target
    labels: Selector
    fields: Mapping[str, str]

    def matches(self, obj: Object) -> bool:
        """Whether an object is selected."""
        in_namespace = not self.target.namespace or objects.namespace(obj) == self.target.namespace
        return in_namespace and self.labels.matches(objects.labels(obj)) and selectors.fields_match(obj, self.fields)


def selection_of(target: Target, query: Mapping[str, str]) -> Selection:
    """Read ``labelSelector`` and ``fieldSelector``; the name in the path counts as a field.

    Raises:
        BadRequestError: one of them cannot be read.
    """
    fields = selectors.parse_fields(query.get("fieldSelector", ""))
    if target.name:
        fields = {**fields, "metadata.name": target.name}
    return Selection(target, selectors.parse(query.get("labelSelector", "")), fields)


@dataclass(frozen=True)
class Page:
    """Some records of a listing, all of one revision, and how to go on."""

    kind: Kind
    revision: int
    records: list[Record]
    token: str
    left: int

    def metadata(self) -> Object:
        """The ``metadata`` of the list object."""
        revision: Object = {"resourceVersion": str(self.revision)}
        return {**revision, "continue": self.token, "remainingItemCount": self.left} if self.token else revision

    def encoded(self) -> bytes:
        """The list object as JSON."""
        kind = self.kind
        head = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": self.metadata()}
        items = (record.encoded() if kind.custom else record.encoded_item() for record in self.records)
        return msgspec.json.encode(head)[:-1] + b',"items":[' + b",".join(items) + b"]}"


class Lists:
    """Answers lists; remembers what is left of those read in pages, so that all pages are of one revision."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rest: dict[str, tuple[int, list[Record]]] = {}
        self._numbers = itertools.count(1)

    def page(self, selection: Selection, query: Mapping[str, str]) -> Page:
        """The list, or the next page of it.

        Raises:
            BadRequestError: ``limit`` is no number.
            ExpiredError: the ``continue`` token is no longer known.
        """
        kind = selection.target.kind
        limit = query.get("limit", "0")
        if not limit.isdigit():
            raise BadRequestError(f"limit: Invalid value: {limit!r}: must be a non-negative integer")
        if token := query.get("continue"):
            if token not in self._rest:
                raise ExpiredError("The provided continue parameter is too old to display a consistent list result.")
            revision, records = self._rest.pop(token)
        else:
            found = self._store.records(kind, namespace=selection.target.namespace, selector=selection.labels)
            revision, records = self._store.revision, [record for record in found if selection.matches(record.obj)]
        size = int(limit) or len(records)
        rest = records[size:]
        return Page(kind, revision, records[:size], self._remember(revision, rest) if rest else "", len(rest))

    def _remember(self, revision: int, rest: list[Record]) -> str:
        token = base64.urlsafe_b64encode(f"{revision}/{next(self._numbers)}".encode()).decode()
        self._rest[token] = (revision, rest)
        if len(self._rest) > PAGINATIONS_MAX:
            self._rest.pop(next(iter(self._rest)))
        return token
