"""Print what ``why`` and ``why-not`` found: chains, verdicts, what groups wait for."""

from collections.abc import Iterable, Iterator
from typing import Final

from rich.text import Text

from projections.explain import timestamp
from projections.why.model import Chain, Link
from projections.why.verdict import Verdict
from projections.why.waits import Waiting

_STYLES: Final = {"decision": "cyan", "command": "cyan", "cause": "yellow"}
_INDENT: Final = 26
"""Where the words of a link begin."""


def chain_lines(chain: Chain) -> Iterator[Text]:
    """A causal chain, cause above effect; below a decision the rule that led to it."""
    state = "" if chain.complete else ", not over yet"
    yield Text(f"{_capital(chain.what)} ({chain.elapsed_ms / 1000:.3f} s{state})", style="bold")
    rule = ""
    for index, link in enumerate(chain.links):
        yield _link_line(link, first=index == 0)
        if link.rule and link.rule != rule:
            yield Text(f"{'':{_INDENT}}rule: {link.rule}", style="dim")
        rule = link.rule


def log_lines(chain: Chain, texts: Iterable[str | None], *, lines_max: int | None) -> Iterator[Text]:
    """The logs of a chain; of each no more than its last lines."""
    for log, text in zip(chain.logs, texts, strict=True):
        if text is None:
            if log.reference:
                yield Text(f"    the log {log.reference} is not kept any more, or not with this journal", style="dim")
            continue
        lines = text.splitlines()
        shown = lines if lines_max is None else lines[-lines_max:]
        of = f"last {len(shown)} of {len(lines)} lines" if len(shown) < len(lines) else f"{len(lines)} lines"
        yield Text(f"    log of container {log.container} of pod {log.pod}, {of}:", style="dim")
        for line in shown:
            yield Text(f"    │ {line}")


def verdict_lines(verdict: Verdict) -> Iterator[Text]:
    """What followed from one end of a pod."""
    head = f"#{verdict.sequence} {timestamp(verdict.at_ms)}  {verdict.what}"
    yield Text(head, style="bold")
    yield Text(f"    cause    {verdict.cause.words}", style="yellow")
    if verdict.decision:
        where = "" if verdict.decision_sequence == verdict.sequence else f" (by event {verdict.decision_sequence})"
        yield Text(f"    decided  {verdict.decision}{where}", style="cyan")
    else:
        yield Text(f"    nothing was decided, because {verdict.because}", style="cyan")


def waiting_lines(waiting: Waiting) -> Iterator[Text]:
    """What a group waits for."""
    if waiting.ready:
        yield Text(f"Group {waiting.group} waits for nothing: it is ready", style="bold")
        return
    since = f" since {timestamp(waiting.since_ms)} ({_words(waiting.for_ms)})" if waiting.since_ms else ""
    yield Text(f"Group {waiting.group} is {waiting.state}{since} and waits for", style="bold")
    for reason in waiting.waits_for or ("nothing that is known here",):
        yield Text(f"    {reason}")


def _link_line(link: Link, *, first: bool) -> Text:
    branch = "   " if first else "└─▶"
    elapsed = f"{link.elapsed_ms / 1000:+.3f}"
    line = Text(f"  {elapsed:>9} s {'#' + str(link.sequence):>7} {branch} ")
    return line.append(link.what, style=_STYLES.get(link.kind, ""))


def _words(milliseconds: int) -> str:
    seconds = milliseconds // 1000
    minutes, hours = seconds // 60, seconds // 3600
    if minutes < 2:
        return f"{milliseconds / 1000:.1f} s"
    return f"{minutes} min {seconds % 60} s" if hours < 2 else f"{hours} h {minutes % 60} min"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
