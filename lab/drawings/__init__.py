"""Drawn product pictures with known truth: the demo's pictures, and tests of the geometry."""
