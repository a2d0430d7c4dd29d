"""GET: one object, a list in pages, the selection that both lists and watches share."""

import base64
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.simulation import objects, selectors
from adapters.simulation.errors import BadRequestError, ExpiredError
from adapters.simulation.http.targets import Target
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


class Lists:
    """Answers lists; remembers what is left of those read in pages, so that all pages are of one revision."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rest: dict[str, tuple[int, list[Record]]] = {}
        self._numbers = itertools.count(1)

    def answer(self, selection: Selection, query: Mapping[str, str]) -> bytes:
        """The list, or the next page of it, as JSON.

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
        page, rest = records[:size], records[size:]
        metadata = f'"resourceVersion":"{revision}"'
        if rest:
            metadata += f',"continue":"{self._remember(revision, rest)}","remainingItemCount":{len(rest)}'
        head = f'{{"kind":"{kind.kind}List","apiVersion":"{kind.api_version}","metadata":{{{metadata}}},"items":['
        items = (record.encoded() if kind.custom else record.encoded_item() for record in page)
        return head.encode() + b",".join(items) + b"]}"

    def forget(self) -> None:
        """Let every half-read listing expire."""
        self._rest.clear()

    def _remember(self, revision: int, rest: list[Record]) -> str:
        token = base64.urlsafe_b64encode(f"{revision}/{next(self._numbers)}".encode()).decode()
        self._rest[token] = (revision, rest)
        if len(self._rest) > PAGINATIONS_MAX:
            self._rest.pop(next(iter(self._rest)))
        return token
