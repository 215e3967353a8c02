"""HTML reports for risk officers: one decision explained, and the review of a whole portfolio."""

from reports.decision import decision_document, decision_figures
from reports.page import file_name, render, write
from reports.portfolio import portfolio_document, portfolio_figures

__all__ = [
    "decision_document",
    "decision_figures",
    "file_name",
    "portfolio_document",
    "portfolio_figures",
    "render",
    "write",
]
