"""The vocabulary: entities, units, quantities, pages, answers, the postprocessor and the metric.

Imports nothing of entx outside `core`, and no engine, database or tensor library.
"""
