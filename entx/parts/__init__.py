"""`entx run`: a table in parts, each a small store of its own, on one machine or on a Ray cluster."""
