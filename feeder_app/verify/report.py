"""What a check of the store says at its end: a table, then a line for each note and each fault."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from feeder_app.verify.account import Account
from feeder_app.verify.findings import Findings

_COLUMNS = ("partition", "files", "rows", "offsets", "dead letters", "repeats", "gaps", "removed", "unexplained")


def findings_of(accounts: Sequence[Account]) -> Findings:
    findings = Findings()
    for account in accounts:
        findings.add(account.findings)
    return findings


def print_report(accounts: Sequence[Account], out: Console) -> None:
    """The table, and under it what is odd and what is wrong."""
    table = Table(box=None, pad_edge=False)
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for account in accounts:
        table.add_row(str(account.partition), *_cells(account))
    if len(accounts) > 1:
        table.add_row("all", *_cells(_sum(accounts)))
    out.print(table)
    findings = findings_of(accounts)
    for note in findings.notes:
        out.print(f"Note: {note}", markup=False, soft_wrap=True)
    for text in findings.texts():
        out.print(text, markup=False, soft_wrap=True)


def _cells(account: Account) -> list[str]:
    numbers = (account.files, account.rows, account.next_offset, account.dead_letters, account.duplicates)
    return [f"{number:,}" for number in (*numbers, account.gaps, account.removed, account.unexplained)]


def _sum(accounts: Sequence[Account]) -> Account:
    total = Account(0)
    for account in accounts:
        total.files += account.files
        total.rows += account.rows
        total.next_offset += account.next_offset
        total.dead_letters += account.dead_letters
        total.duplicates += account.duplicates
        total.gaps += account.gaps
        total.removed += account.removed
        total.unexplained += account.unexplained
    return total
