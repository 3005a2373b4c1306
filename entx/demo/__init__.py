"""The demo's drawn pictures, their questions and truth, and the script that draws them."""
