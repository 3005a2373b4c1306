"""OCR engines, one adapter file each; found by the entry-point group `entx.engines`, the built-in ones included."""
