"""The report of a shadow as a page in Markdown, to be taken to a review."""

from collections.abc import Iterable, Iterator

from projections.shadow_report import Row, ShadowReport, explanation, kind_in_words


def as_markdown(report: ShadowReport) -> str:
    """The whole page."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: ShadowReport) -> Iterator[str]:
    yield f"# Shadow of cluster {report.cluster.removeprefix('shadow-of-')}"
    yield ""
    yield f"**{report.verdict}**"
    yield ""
    yield from _table(
        ("", ""),
        [
            ("Period", f"{report.since} to {report.until}"),
            ("LeaderWorkerSets", str(report.sets)),
            ("Groups", str(report.groups)),
            ("Events", str(report.events)),
            ("Decisions", str(report.decisions)),
            ("Commands compared", str(report.commands)),
            ("Carried out alike", str(report.agreed)),
            ("Still waited for", str(report.waiting)),
        ],
    )
    yield ""
    yield "## Compared"
    yield ""
    rows = [(kind, str(each.agreed), str(each.not_done)) for kind, each in report.compared.items()]
    yield from _table(("Command", "Alike", "Not done"), rows)
    if report.rules:
        yield ""
        yield "## Rules that differ"
        yield ""
        by_rule = [
            (name, str(each.differences), str(each.unexplained), _cell(each.says))
            for name, each in report.rules.items()
        ]
        yield from _table(("Rule", "Differences", "Unexplained", "What it says"), by_rule)
    for title, chosen in (
        ("Unexplained differences", [row for row in report.differences if row.matters]),
        ("Differences that are meant", [row for row in report.differences if row.known]),
        ("Done late", [row for row in report.differences if not row.known and not row.matters]),
    ):
        if chosen:
            yield ""
            yield f"## {title}"
            yield ""
            yield from (f"- {_sentence(row)}" for row in chosen)


def _sentence(row: Row) -> str:
    because = f" — {row.because}" if row.because else ""
    rule = f" [rule {row.rule}]" if row.rule else ""
    meant = f" ({row.known}: {explanation(row.known)})" if row.known else ""
    fields = "".join(
        f"; `{field.path}`: ours `{field.ours or 'absent'}`, theirs `{field.theirs or 'absent'}`"
        for field in row.fields
    )
    ask = f" `lws-events why {row.set} --at {row.cause}`" if row.cause else ""
    what = f"{row.at} {row.set}, {kind_in_words(row.kind)}: {row.what}{because}{fields}{meant}{rule}"
    return f"{what} (#{row.sequence}){ask}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
