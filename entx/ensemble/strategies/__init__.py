"""The built-in strategies, one small file each; see `entx.ensemble.strategy` for what a strategy is."""
