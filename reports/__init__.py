"""HTML reports for risk officers: one decision explained, a whole portfolio reviewed, a model validated."""

from reports.console import console_page
from reports.decision import decision_document, decision_figures
from reports.page import file_name, render, write
from reports.portfolio import portfolio_document, portfolio_figures
from reports.subject import subject_figures
from reports.validation import validation_document, validation_figures

__all__ = [
    "console_page",
    "decision_document",
    "decision_figures",
    "file_name",
    "portfolio_document",
    "portfolio_figures",
    "render",
    "subject_figures",
    "validation_document",
    "validation_figures",
    "write",
]
