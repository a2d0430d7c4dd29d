"""The tables about journals: how fast they are read, how long questions take, what their own life costs."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from tests.bench.figures import JournalFigures, JournalLife, LongJournal, Question, QuestionFigures, Report

_NOTHING = "–"


def journal_tables(report: Report) -> Iterator[Table]:
    """Those for which there are figures."""
    if report.journal is not None:
        yield _journal(report.journal, report.long_journal)
    if report.questions is not None:
        yield _questions(report.questions)
    if report.life is not None:
        yield _life(report.life)


def _journal(figures: JournalFigures, long: LongJournal | None) -> Table:
    title = (
        f"Journal, {figures.events:,} events of {figures.event_bytes_mean} bytes and {figures.decisions:,} decisions "
        f"({figures.source})"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("")
    table.add_column("events per second", justify="right")
    table.add_column("of decoding alone", justify="right")
    for label, value in (
        ("published one by one, each synced", figures.published_single),
        ("published in batches of 50, each synced", figures.published_batches_of_50),
        ("published in batches of 200, each synced", figures.published_batches_of_200),
        ("folded live, decisions recorded", figures.folded_live),
    ):
        table.add_row(label, f"{value:,.0f}", _NOTHING)
    _add_passes(table, "From memory", figures.decoded, figures.replayed, figures.verified)
    _add_passes(table, "From a file", figures.decoded_from_file, figures.replayed_from_file, figures.verified_from_file)
    if long is not None:
        where = f"From a file of {long.events:,} events of {long.sets:,} sets, {long.file_bytes / 1e6:,.0f} MB"
        _add_passes(table, where, long.decoded, long.replayed, long.verified)
        table.add_row(f"peak memory: {long.peak_mib:.0f} MiB; of a tenth of it: {long.shorter_peak_mib:.0f} MiB")
    return table


def _add_passes(table: Table, where: str, decoded: float, replayed: float, verified: float) -> None:
    table.add_section()
    table.add_row(f"[bold]{where}[/bold]")
    for label, value in (("decoded, and nothing else", decoded), ("replayed", replayed), ("verified", verified)):
        table.add_row(label, f"{value:,.0f}", f"{value / decoded:.3f}")


def _questions(figures: QuestionFigures) -> Table:
    table = Table(title="Commands that ask a journal, whole runs of the program", title_justify="left")
    for heading in ("", "seconds", "peak MiB", "of a tenth of the journal"):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_row("lws-events --version", f"{figures.start_seconds:.2f}")
    of_set = f"{figures.events_of_set:,} events"
    for title, asked in (
        (f"One set ({of_set}) of {figures.sets:,} in a file of {figures.events:,} with an index", figures.of_one_set),
        ("All sets in that file", figures.of_all),
        (f"A data directory of {figures.server_events:,} events, its server started for it", figures.of_a_server),
    ):
        table.add_section()
        table.add_row(f"[bold]{title}[/bold]")
        _add_questions(table, asked)
    table.add_section()
    table.add_row("the index is made, once", f"{figures.index_seconds:.2f}")
    table.add_row(f"file and index: {figures.file_bytes / 1e6:.0f} and {figures.index_bytes / 1e6:.0f} MB")
    return table


def _add_questions(table: Table, asked: Sequence[Question]) -> None:
    for each in asked:
        shorter = _NOTHING if each.shorter_peak_mib is None else f"{each.shorter_peak_mib:.0f}"
        table.add_row(each.command, f"{each.seconds:.2f}", f"{each.peak_mib:.0f}", shorter)


def _life(life: JournalLife) -> Table:
    table = Table(title="The journal's own life", title_justify="left")
    table.add_column("")
    table.add_column("", justify="right")
    table.add_row("bytes of one recreation (three pods)", f"{life.bytes_per_recreation:,}")
    table.add_row("bytes per group and day when idle", "0" if life.is_silent_when_idle else "more than 0")
    table.add_row(f"bytes of a snapshot, per group of {life.size} pods", f"{life.snapshot_bytes_per_group:,}")
    for start in life.starts:
        peak = f"{start.peak_bytes / 1024**2:.0f} MiB"
        table.add_row(f"start on {start.events:,} events, with snapshots", f"{start.seconds:.2f} s, {peak}")
    return table
