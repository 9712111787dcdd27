"""Every report, in the order of the navigation. A new one is a line here."""

from typing import Final

from dashboard_app.report import AnyReport
from dashboard_app.reports.explore import ExploreReport
from dashboard_app.reports.funnel import FunnelReport
from dashboard_app.reports.live import LiveReport
from dashboard_app.reports.overview import OverviewReport
from dashboard_app.reports.pipeline import PipelineReport
from dashboard_app.reports.retention import RetentionReport
from dashboard_app.reports.revenue import RevenueReport
from dashboard_app.reports.sessions import SessionsReport
from dashboard_app.reports.users import UsersReport

REPORTS: Final[tuple[AnyReport, ...]] = (
    OverviewReport(),
    ExploreReport(),
    FunnelReport(),
    RetentionReport(),
    UsersReport(),
    SessionsReport(),
    RevenueReport(),
    LiveReport(),
    PipelineReport(),
)
_BY_NAME: Final = {report.name: report for report in REPORTS}


def report_named(name: str) -> AnyReport:
    """The report of this name. Raises KeyError."""
    return _BY_NAME[name]
