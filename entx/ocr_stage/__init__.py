"""From picture files to OCR pages, once per distinct picture; and the rules reader, the arm that needs no model."""
