"""The report: one self-contained HTML file that says what was found and how sure that is."""

from understudy.report.data import SHOWN, CellReport, Event, Mean, ReportData, State, Stretch, Worst
from understudy.report.render import render, write

__all__ = [
    "SHOWN",
    "CellReport",
    "Event",
    "Mean",
    "ReportData",
    "State",
    "Stretch",
    "Worst",
    "render",
    "write",
]
