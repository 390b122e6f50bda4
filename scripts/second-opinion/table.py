"""Writes the outcome of one run of the conformance suite into the tables of docs/brokers.md.

    table.py NAME VERSION SUITE-LOG [FILTER]

With a filter it only prints the outcome. Exits with 1 when a behaviour differs without an explanation in the document's
section "Differences", when an explained difference is gone, or when the embedded broker fails anything.
"""

import datetime
import fnmatch
import pathlib
import re
import sys

DOCUMENT = pathlib.Path("docs/brokers.md")
COLUMNS = {"embedded": "embedded", "localstack": "LocalStack", "fauxqs": "fauxqs", "ministack": "MiniStack", "moto": "moto"}
SIGNS = {"ok": "✓", "FAILED": "✗", "ignored": "·"}
TEST_LINE = re.compile(r"^test broker_conformance::([\w:]+) \.\.\. (ok|FAILED|ignored)", re.MULTILINE)
RUNS = ("<!-- runs: begin -->", "<!-- runs: end -->")
TABLE = ("<!-- behaviours: begin -->", "<!-- behaviours: end -->")


def section(text: str, marks: tuple[str, str]) -> str:
    return text.split(marks[0], 1)[1].split(marks[1], 1)[0].strip("\n")


def with_section(text: str, marks: tuple[str, str], content: str) -> str:
    before, rest = text.split(marks[0], 1)
    return f"{before}{marks[0]}\n{content}\n{marks[1]}{rest.split(marks[1], 1)[1]}"


def rows(table: str) -> list[list[str]]:
    """The cells of a Markdown table, without its head."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def markdown(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def behaviours(text: str, name: str, outcome: dict[str, str]) -> str:
    """The table of behaviours with this run's column renewed; the rows are the tests there are now."""
    earlier = {row[0].strip("`"): dict(zip(COLUMNS, row[1:])) for row in rows(section(text, TABLE))}
    body = []
    for test in sorted(outcome):
        cells = earlier.get(test, {}) | {name: SIGNS[outcome[test]]}
        body.append([f"`{test}`", *(cells.get(column, "") or " " for column in COLUMNS)])
    return markdown(["behaviour", *COLUMNS.values()], body)


def runs(text: str, name: str, version: str, outcome: dict[str, str]) -> str:
    """The table of runs with this one in its place."""
    found = {row[0]: row for row in rows(section(text, RUNS))}
    passed = sum(result == "ok" for result in outcome.values())
    judged = sum(result != "ignored" for result in outcome.values())
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    found[COLUMNS[name]] = [COLUMNS[name], version, f"{passed} of {judged}", today, f"`scripts/second-opinion.sh {name}`"]
    order = [title for title in COLUMNS.values() if title in found]
    return markdown(["implementation", "version", "passed", "date", "command"], [found[title] for title in order])


def explained(text: str, name: str) -> list[str]:
    """The behaviours, or patterns of them, whose row in the section "Differences" names this implementation."""
    differences = text.split("## Differences", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in differences.splitlines() if line.startswith("| `")]
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row[0].strip("`") for row in found if COLUMNS[name] in [who.strip() for who in row[1].split(",")]]


def main() -> int:
    name, version, log = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]).read_text(errors="replace")
    filtered = len(sys.argv) > 4 and sys.argv[4] != ""
    outcome = dict(TEST_LINE.findall(log))
    if not outcome:
        print(log[-4000:], "\nthe suite did not run", sep="", file=sys.stderr)
        return 1
    failed = {test for test, result in outcome.items() if result == "FAILED"}
    for test in sorted(failed):
        print(f"differs: {test}")
    judged = sum(result != "ignored" for result in outcome.values())
    print(f"{judged - len(failed)} of {judged} behaviours as expected; details in {sys.argv[3]}")
    text = DOCUMENT.read_text()
    if not filtered:
        text = with_section(text, RUNS, runs(text, name, version, outcome))
        text = with_section(text, TABLE, behaviours(text, name, outcome))
        DOCUMENT.write_text(text)
    known = explained(text, name)
    unexplained = {test for test in failed if not any(fnmatch.fnmatchcase(test, pattern) for pattern in known)}
    # Only a run of everything can tell that a difference is gone.
    gone = set() if filtered else {pattern for pattern in known if not fnmatch.filter(failed, pattern)}
    for test in sorted(unexplained):
        print(f"not explained in {DOCUMENT}: {test}", file=sys.stderr)
    for test in sorted(gone):
        print(f"explained in {DOCUMENT} as a difference, but it passed: {test}", file=sys.stderr)
    return 1 if unexplained or gone else 0


sys.exit(main())
