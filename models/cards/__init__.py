"""Model cards: what a model is for, what it was made from, how good it is and where it must not be used."""

from models.cards.card import CardFacts, Metric, html, markdown

__all__ = ["CardFacts", "Metric", "html", "markdown"]
