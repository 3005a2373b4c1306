"""The OCR-LLM arm: a text model answers from the OCR lines of the store, and is trained here."""
