"""The experiment of a small vision-language model from nothing: its pictures, its tokenizer, its training."""
