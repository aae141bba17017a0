"""A report, or a change of it, as Markdown: for pull requests, wikis and mails."""

from collections.abc import Iterator, Sequence

from kvx.cost.report import Report
from kvx.cost.verdict import findings, one_line, shown


def as_markdown(report: Report) -> str:
    """The sums, then what stands out."""
    return "\n".join(_lines(report)) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The last column is of numbers."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * (len(head) - 1)}---:|"
    yield from (f"| {' | '.join(cell(each) for each in row)} |" for row in rows)


def cell(text: str) -> str:
    """A name is anybody's: it may neither end the cell nor begin markup."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _lines(report: Report) -> Iterator[str]:
    currency = report.basis.prices.currency
    yield f"### {one_line(report)}"
    yield ""
    groups = report.bill.by(lambda charge: f"{charge.cluster or 'no cluster'}\n{charge.pool or '-'}")
    rows = [[*key.split("\n"), shown(each.net)] for key, each in groups.items()]
    yield from table(
        ("cluster", "pool", f"{currency}, net"), [*rows, ["together", "", shown(report.bill.net)]]
    )
    if report.shares is not None:
        yield ""
        named = report.shares.by(lambda part: part.namespace).items()
        yield from table(
            ("namespace", f"{currency} a month, net"), [[name, shown(net)] for name, net in named]
        )
    found = findings(report)
    if found:
        yield ""
        yield from (f"- {cell(each.words)} (`{each.fix}`)" for each in found)
    yield ""
    yield f"Prices of {report.basis.prices.date}; amounts without value added tax."
