"""The vision arm: a vision-language model answers from the picture itself, and is trained here."""
