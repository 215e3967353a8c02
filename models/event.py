"""Which event a default model predicts, and the words that every answer and report must use for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from models.documents import of_document

_DAYS_PER_MONTH: Final = 30.4


@dataclass(frozen=True)
class Event:
    """An invoice reaches `days_past_due` within `horizon_days`, or a write-off or an insolvency comes.

    Only an event with `is_default` may be called default; every other one goes by its own `label`.

    >>> SERIOUS_DELINQUENCY_6M.text()
    'serious delinquency within 6 months (an invoice reaches 30 days past due, a write-off or an insolvency)'
    """

    name: str
    label: str
    days_past_due: int
    horizon_days: int
    is_default: bool

    def text(self) -> str:
        """The event in words, with its horizon and definition."""
        months = round(self.horizon_days / _DAYS_PER_MONTH)
        span = "1 month" if months == 1 else f"{months} months"
        what = f"an invoice reaches {self.days_past_due} days past due, a write-off or an insolvency"
        return f"{self.label} within {span} ({what})"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Any) -> Event:
        """What `to_dict` gave; raises ArtefactError on anything else."""
        return of_document(cls, document, "event")


DEFAULT_12M: Final = Event("default_12m", "default", days_past_due=90, horizon_days=365, is_default=True)
#: A weaker event, for ledgers that hold too few defaults to learn from.
SERIOUS_DELINQUENCY_6M: Final = Event(
    "serious_delinquency_6m", "serious delinquency", days_past_due=30, horizon_days=182, is_default=False
)
