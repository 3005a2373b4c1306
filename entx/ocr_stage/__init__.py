"""From picture files to OCR pages, once per distinct picture."""
