"""The rules reader: an answer from OCR lines, cue words and geometry, without any model."""
