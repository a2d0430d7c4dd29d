"""Rows of the audit as lines, JSON, JSON Lines, CSV or Parquet, written as they are found.

Names and values in a journal are whatever users have chosen. What goes to a spreadsheet must not be taken for a
formula, and what goes to a terminal must not steer it.
"""

import csv
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, Any, Final

import msgspec

from adapters.cli.audit import AuditOutput
from adapters.errors import NotInstalled, WrongUsage
from projections.audit.rows import COMMAND, EFFECT, ROLLOUT, AuditRow
from projections.explain import timestamp

_BATCH: Final = 10_000
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
"""What a spreadsheet may take for a formula; the apostrophe, so that the prefix can be taken away again."""

COLUMNS: Final = ("at", *AuditRow.__struct_fields__)
_NUMBERS: Final = ("at_ms", "sequence", "generation", "code", "took_ms", "lost_ms")


def write(rows: Iterable[AuditRow], output: AuditOutput) -> None:
    """All rows to standard output. Raises ``NotInstalled``, ``WrongUsage`` before anything is read."""
    from adapters.cli.printing import print_json, print_json_array, remark

    match output:
        case AuditOutput.TABLE:
            row = None
            for row in rows:
                sys.stdout.write(line(row) + "\n")
            if row is None:
                remark("nothing of what is asked for is recorded")
        case AuditOutput.JSON:
            print_json_array(flat(row) for row in rows)
        case AuditOutput.JSONL:
            for row in rows:
                print_json(flat(row))
        case AuditOutput.CSV:
            write_csv(rows, sys.stdout)
        case AuditOutput.PARQUET:
            if sys.stdout.isatty():
                raise WrongUsage("Parquet is not for a terminal", hint="lws-events audit -o parquet > audit.parquet")
            write_parquet(rows, sys.stdout.buffer)


def flat(row: AuditRow) -> dict[str, Any]:
    """A row with its time in words, too."""
    return {"at": timestamp(row.at_ms)} | msgspec.structs.asdict(row)


def line(row: AuditRow) -> str:
    """A row for people."""
    where = f"{row.namespace}/{row.set}" + (f"/{row.group}" if row.group else "")
    parts = [row.what]
    if row.path:
        parts.append(f"{row.path}: {row.before or 'absent'} → {row.after or 'absent'}")
    if row.user:
        groups = f" ({row.user_groups})" if row.user_groups else ""
        parts.append(f"user {row.user}{groups}")
    if row.manager:
        parts.append(f"field manager {row.manager}")
    if row.kind in (COMMAND, ROLLOUT):
        parts.append(row.outcome)
    if row.because:
        parts.append(f"because: {row.because}")
    if row.took_ms is not None:
        parts.append(f"took {row.took_ms / 1000:.3f} s")
    if row.lost_ms is not None:
        unit = "pod-seconds" if row.pod or row.kind == EFFECT else "group-seconds"
        parts.append(f"lost {row.lost_ms / 1000:.3f} {unit}")
    text = f"{timestamp(row.at_ms)} {'#' + str(row.sequence):>7}  {where}  {row.kind:<8}  {'; '.join(parts)}"
    return printable(text)


def printable(text: str) -> str:
    """Without characters that steer a terminal or break the line."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def write_csv(rows: Iterable[AuditRow], file: IO[str]) -> None:
    """With a line of names at the top (RFC 4180)."""
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(value) for value in flat(row).values()])


def _cell(value: Any) -> Any:
    """A text that could be taken for a formula begins with an apostrophe; numbers stay numbers."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


class _Sink:
    """A file that cannot be asked where it is (a pipe), counted by ourselves."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._written = 0

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """The file belongs to others."""

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


def write_parquet(rows: Iterable[AuditRow], file: IO[bytes]) -> None:
    """In row groups of a bounded size. Raises ``NotInstalled``."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise NotInstalled(
            "Parquet needs pyarrow, which is not installed",
            hint="pip install 'lws-events[parquet]'; JSON Lines and CSV need nothing (-o jsonl, -o csv)",
        ) from error
    schema = pyarrow.schema(
        [("at", pyarrow.timestamp("ms", tz="UTC"))]
        + [(name, pyarrow.int64() if name in _NUMBERS else pyarrow.string()) for name in COLUMNS[1:]]
    )
    with parquet.ParquetWriter(_Sink(file), schema) as writer:
        for batch in _batches(rows):
            records = [{"at": row.at_ms} | msgspec.structs.asdict(row) for row in batch]
            writer.write_table(pyarrow.Table.from_pylist(records, schema=schema))
    file.flush()


def _batches(rows: Iterable[AuditRow]) -> Iterator[list[AuditRow]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
