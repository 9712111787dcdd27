"""What a run found: a table for people, JSON for programs."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from torture.audit import Audit
from torture.campaign import Campaign

_PROBLEMS_SHOWN = 20


@dataclass
class FaultRow:
    """Events that were acknowledged while the fault went on, and what became of them."""

    fault: str
    times: int = 0
    acknowledged: int = 0
    stored: int = 0
    lost: int = 0
    duplicated: int = 0


@dataclass
class CampaignResult:
    nodes: int
    kills: int
    freezes: int
    broker_kills: int
    ended: dict[str, int]
    acknowledged: int
    sent_again: int
    stored: int
    lost: int
    duplicated: int
    faults: list[FaultRow]
    problems: list[str]


@dataclass
class Summary:
    """`controls`: how many problems the audit of each found; none means that it proves nothing."""

    seed: int
    minutes: float
    campaigns: list[CampaignResult] = field(default_factory=list)
    controls: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        exact = all(not campaign.problems and campaign.acknowledged for campaign in self.campaigns)
        return exact and all(self.controls.values())


def result_of(campaign: Campaign, audit: Audit) -> CampaignResult:
    return CampaignResult(
        nodes=len(campaign.cluster.nodes),
        kills=campaign.kills,
        freezes=campaign.freezes,
        broker_kills=campaign.broker_kills,
        ended=dict(campaign.ended),
        acknowledged=audit.acknowledged,
        sent_again=audit.repeated,
        stored=audit.stored,
        lost=audit.lost,
        duplicated=audit.duplicated,
        faults=_fault_rows(campaign, audit),
        problems=audit.problems,
    )


def _fault_rows(campaign: Campaign, audit: Audit) -> list[FaultRow]:
    names = campaign.load.acknowledged.names
    rows: dict[str, FaultRow] = {}
    for window in campaign.windows:
        row = rows.setdefault(window.fault, FaultRow(window.fault))
        during = set(names[window.start : window.end])
        lost = len(during & audit.missing)
        row.times += 1
        row.acknowledged += len(during)
        row.lost += lost
        row.stored += len(during) - lost
        row.duplicated += len(during & audit.twice)
    return list(rows.values())


def publish(summary: Summary, path: Path, console: Console) -> None:
    """Print the tables and write the JSON."""
    for campaign in summary.campaigns:
        _print_campaign(campaign, summary.seed, console)
    table = Table("control", "problems found", "verdict", title="Controls: one protection switched off each")
    for control, problems in summary.controls.items():
        table.add_row(control, f"{problems:,}", "fails as it must" if problems else "PASSED: the check proves nothing")
    if summary.controls:
        console.print(table)
    for text in summary.left_out:
        console.print(f"Left out: {text}")
    kills = sum(campaign.kills for campaign in summary.campaigns)
    verdict = "exact" if summary.passed else "NOT EXACT"
    console.print(f"{verdict}: {kills:,} kills in {summary.minutes:.1f} minutes, seed {summary.seed}", highlight=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"passed": summary.passed, **asdict(summary)}, indent=2) + "\n")


def _print_campaign(campaign: CampaignResult, seed: int, console: Console) -> None:
    brokers = "one broker" if campaign.nodes == 1 else f"{campaign.nodes} brokers"
    title = (
        f"{brokers}, seed {seed}: {campaign.kills} feeders killed, {campaign.freezes} frozen, "
        f"{campaign.broker_kills} brokers killed"
    )
    table = Table("fault", title=title, title_justify="left")
    for name in ("times", "acknowledged", "stored", "lost", "duplicated"):
        table.add_column(name, justify="right")
    for row in campaign.faults:
        table.add_row(row.fault, *_numbers(row.times, row.acknowledged, row.stored, row.lost, row.duplicated))
    table.add_section()
    total = (campaign.acknowledged, campaign.stored, campaign.lost, campaign.duplicated)
    table.add_row("all events, each once", *_numbers(sum(row.times for row in campaign.faults), *total))
    console.print(table)
    console.print(f"Sent again: {campaign.sent_again:,}. Feeders that ended by themselves, and were started again:")
    for reason, count in Counter(campaign.ended).most_common():
        console.print(f"  {count} with code {reason}", markup=False, highlight=False)
    for text, count in list(Counter(campaign.problems).items())[:_PROBLEMS_SHOWN]:
        console.print(f"PROBLEM: {text}" + (f" ({count} times)" if count > 1 else ""), markup=False)


def _numbers(*values: int) -> list[str]:
    return [f"{value:,}" for value in values]
