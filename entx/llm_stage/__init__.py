"""The language-model stage: a text model answers from the OCR lines of the store, and is trained here."""
