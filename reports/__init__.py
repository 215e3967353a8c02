"""HTML reports for risk officers: one decision explained, a whole portfolio reviewed, a model validated."""

from reports.decision import decision_document, decision_figures
from reports.page import file_name, render, write
from reports.portfolio import portfolio_document, portfolio_figures
from reports.validation import validation_document, validation_figures

__all__ = [
    "decision_document",
    "decision_figures",
    "file_name",
    "portfolio_document",
    "portfolio_figures",
    "render",
    "validation_document",
    "validation_figures",
    "write",
]
