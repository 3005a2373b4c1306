"""Training of both model stages: recipe, rows, trainer, estimate, card, and the merge of an adapter."""
