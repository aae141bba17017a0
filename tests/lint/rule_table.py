"""Prints the table of rules that docs/lint.md holds: python tests/lint/rule_table.py."""

from collections.abc import Iterator

from kvx.lint.rules import GROUPS


def lines() -> Iterator[str]:
    """The table, by what the rules are about."""
    for group, rules in GROUPS.items():
        yield f"### {group[0].upper()}{group[1:]}"
        yield ""
        yield "| rule | what holds | otherwise | also known as |"
        yield "|---|---|---|---|"
        for rule in rules:
            known = ", ".join(rule.same_as)
            yield f"| `{rule.id}` | {rule.says} | {rule.why} | {known} |".replace("  |", " |")
        yield ""


if __name__ == "__main__":
    print("\n".join(lines()))
