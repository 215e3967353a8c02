"""Parts of the ledger simulator, in the order in which a ledger comes about.

config (what a site may change), streams (seeded randomness), days (calendar and payment runs), stress (hidden decline
and insolvency), portfolio (customers), orders (invoices), law (when an invoice is paid, as explicit probabilities),
events (disputes, promises, dunning, credit notes, write-offs), cash (payments), masterdata, defaults (true default
probabilities), export. `receivables.simulator.simulate` runs them.
"""
