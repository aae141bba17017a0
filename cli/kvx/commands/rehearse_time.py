"""The time line of a rehearsal: which phase and which step took how long, from the journal of the run."""

from collections.abc import Iterator, Sequence

from kvx.journal import Record

SHORTEST_SECONDS = 1.0


def time_line(records: Sequence[Record]) -> list[str]:
    """Of the last run, without what took less than a second; empty where nothing had to be done."""
    run = records[-1].get("run") if records else None
    steps = [each for each in _steps(records) if each[0] == run]
    if not steps:
        return []
    whole = sum(seconds for *_, seconds in steps)
    lines = [f"{'Time line':<52}{whole:>7.1f} s"]
    for phase in dict.fromkeys(name for _, name, _, _ in steps):
        own = [(words, seconds) for _, name, words, seconds in steps if name == phase]
        lines.append(f"  {phase:<50}{sum(seconds for _, seconds in own):>7.1f} s")
        lines += [
            f"    {words[:46]:<48}{seconds:>7.1f} s" for words, seconds in own if seconds >= SHORTEST_SECONDS
        ]
    return lines


def _steps(records: Sequence[Record]) -> Iterator[tuple[object, str, str, float]]:
    """The steps that were done: their run, phase, words and seconds."""
    began: dict[object, float] = {}
    for record in records:
        if record["event"] == "started":
            began[record["digest"]] = float(str(record["time"]))
        elif record["event"] == "finished" and record.get("digest") in began:
            seconds = float(str(record["time"])) - began.pop(record["digest"])
            yield record.get("run"), str(record["phase"]), str(record["words"]), seconds
