"""Measurements: the feature engine beside its peers (`python -m benchmarks`), models beside the simulator's truth."""
