"""What an import tells at its end."""

from analytics_app.importing.ledger import Entry
from analytics_app.importing.options import ImportResult
from analytics_app.importing.runner import Tally
from brokerlytics.timestamps import format_timestamp


def report(result: ImportResult, seconds: float, *, dry_run: bool, resumable: bool) -> list[str]:
    """The lines for people, after a run of so many seconds."""
    if result.before and result.before.complete:
        return [_already(result.before)]
    tally = result.tally
    lines = [f"Earlier: {_earlier(result.before)}"] if result.before else []
    done = "Valid, nothing was sent" if dry_run else "Accepted"
    rate = tally.accepted / max(seconds, 0.001)
    lines.append(f"{done}: {tally.accepted:,} events in {seconds:.1f} s, {rate:,.0f} per second")
    lines.append(f"Bad: {tally.bad:,}")
    lines += [f"  {code}: {number:,}" for code, number in tally.reasons.most_common()]
    lines += _bad_lines(tally)
    if result.missing:
        lines.append(f"No row has {', '.join(sorted(result.missing))}, which --map names.")
    if result.changed:
        lines.append("The file changed while it was read: import it again; the ids of its rows stay the same.")
    if result.stopped:
        lines.append(_stopped(resumable=resumable))
    return lines


def exit_code(result: ImportResult) -> int:
    """0: every line is good; 1: some were bad, or the file changed; 130: stopped."""
    if result.stopped:
        return 130
    return 1 if result.tally.bad or result.changed else 0


def _already(entry: Entry) -> str:
    counts = f"{entry.accepted:,} events accepted, {entry.bad:,} bad lines"
    when = format_timestamp(entry.saved_on)
    return f"Imported already on {when} into {entry.source} ({counts}). Nothing is sent; --again sends it all again."


def _earlier(entry: Entry) -> str:
    counts = f"{entry.rows:,} rows, {entry.accepted:,} events accepted, {entry.bad:,} bad"
    return f"{counts}, up to {format_timestamp(entry.saved_on)}"


def _bad_lines(tally: Tally) -> list[str]:
    lines = [
        f"  line {line.line}: {line.code}{f' in {line.field}' if line.field else ''}: {line.message}"
        for line in tally.first_bad
    ]
    if lines and tally.bad > len(lines):
        lines.append(f"  and {tally.bad - len(lines):,} more: --bad FILE writes all of them")
    return lines


def _stopped(*, resumable: bool) -> str:
    if resumable:
        return "Stopped. The same command goes on after the last acknowledged row."
    return "Stopped. The same input may be sent again from its start: its rows get the same ids."
