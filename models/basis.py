"""Whether a default model may be what ratings rest on, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from models.documents import of_document

ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
#: Nobody has compared the model with the one-number rule yet.
UNJUDGED: Final = "unjudged"


@dataclass(frozen=True)
class RatingBasis:
    """The verdict of training on a default model; `rating_basis` is `ACCEPTED`, `REFUSED` or `UNJUDGED`.

    Refused: the model did not beat the worst current days past due on outcomes that it had not learnt. What is stored
    and served in its place is that one number, as a calibrated scorecard.
    """

    rating_basis: str = UNJUDGED
    reason: str = "not compared with the worst days past due"

    @property
    def is_refused(self) -> bool:
        """Whether ratings rest on the worst days past due alone."""
        return self.rating_basis == REFUSED

    def text(self) -> str:
        """The verdict in words.

        >>> RatingBasis(ACCEPTED, "its log-loss is lower").text()
        'accepted: its log-loss is lower'
        """
        return f"{self.rating_basis}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Any) -> RatingBasis:
        """What `to_dict` gave; raises ArtefactError on anything else."""
        return of_document(cls, document, "rating basis")
