"""Exchange rates of the ledger, compiled once per load of the store and currency."""

from __future__ import annotations

from typing import Final

from receivables.currencies import Currencies, Rates
from receivables.ledger import Ledger

#: Compiled rates that are kept; a store that is loaded often leaves old ones behind.
_KEPT: Final = 64


class RateBook:
    """Rates into any currency, from a ledger's exchange rates and the configured indicative ones; safe for threads."""

    def __init__(self, currencies: Currencies) -> None:
        self._currencies = currencies
        self._made: dict[tuple[str, int, str], Rates] = {}

    @property
    def convertible(self) -> frozenset[str]:
        """Currencies for which there is a rate whatever the ledger holds."""
        return frozenset({self._currencies.pivot, *self._currencies.rates})

    def into(self, ledger: Ledger, base: str | None = None) -> Rates:
        """The rates of `ledger` into `base`, by default the configured reporting currency.

        Ledgers of one source and sequence are taken to hold the same rates.
        """
        base = base or self._currencies.reporting_currency
        key = (ledger.source, ledger.sequence, base)
        found = self._made.get(key)
        if found is None:
            bare = Ledger.of(exchange_rates=ledger["exchange_rates"])
            found = Rates.of(bare, self._currencies, base=base)
            if len(self._made) >= _KEPT:
                self._made.clear()
            self._made[key] = found
        return found
