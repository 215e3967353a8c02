"""The domain: ledger, outcomes, policy, decision record. No machine-learning library is imported here."""
