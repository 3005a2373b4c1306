"""The one DuckDB file: questions, pictures, OCR pages, answers and runs."""
