"""What a validation report states whatever the figures: purpose, assumptions, limits, monitoring, who signs."""

from __future__ import annotations

from typing import Final

#: The entry in the model inventory; what only the user's organisation can say is left to be filled in.
INVENTORY: Final = (
    ("Model", "payment time of an invoice: one distribution of days late per order, scored at order time"),
    ("Purpose", "decisions on orders, credit checks, collection priorities, expected cash by day"),
    (
        "Method",
        "gradient-boosted trees over invoice and day, read as one law: probabilities never contradict each other "
        "between horizons, and reasons add up exactly",
    ),
    ("Not for", "customers of other sellers; refusing natural persons without human review; regulatory capital"),
    ("Owner, tier, inventory number", "to be filled in by the organisation"),
)
ASSUMPTIONS: Final = (
    "Orders of the next months come from customers and on terms like those of the ledger, and the credit policy stays "
    "as it was. Orders that were refused have no outcome and are in no figure.",
    "A fact counts from the moment it became known (booked), never from its value date. Each order is scored as of "
    "00:00 UTC of its issue date, with features as known then and peers' rates as known at the origin.",
    "An outcome counts once due date, horizon and margin have been observed. Time alone decides: an invoice that is "
    "still open then is late. Invoices closed by credit notes alone say nothing about paying and are left out.",
    "At each origin whatever was chosen (rounds of boosting, calibration) was chosen on outcomes known before it, "
    "nothing on the orders that are judged here.",
    "Intervals come from drawing whole customers with replacement, because invoices of one customer share its fate. "
    "They do not hold the uncertainty of a future that differs from the past.",
)
LIMITS: Final = (
    "The figures are those of one seller's ledger over the origins shown; they promise nothing about another seller, "
    "and little about another season.",
    "Where the interval of a difference includes 0, the model is not shown to be better than the simpler rule; the "
    "simpler rule's figure is then what can be relied on.",
    "Orders of customers with fewer than three known payments are scored mostly by how their peers pay.",
    "The last origins are judged on what has matured: short terms mature first, and are paid otherwise than long ones.",
    "One customer can carry the figures of the far horizons; read them without the largest and the dominant one.",
    "The model supports a decision. It is not the sole ground for refusing credit to a natural person.",
)
MONITORING: Final = (
    "Compare features, scores and outcomes of each month with the training period (otcrisk drift).",
    "Run the backtest again when a month has matured; finished months are kept, only the new one is trained.",
    "Train anew when a trigger below stands, and at the latest after twelve months; a new model replaces the served "
    "one only if it is better out of time (otcrisk train --promote).",
    "Take the model out of use when the leak audit fails, or when its log-loss is clearly worse than that of the "
    "customer's own late rate.",
)
ROLES: Final = ("Model owner", "Independent validator", "Head of credit management", "Risk committee")
