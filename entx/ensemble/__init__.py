"""The ensemble: gathers the arms' answers to a question, grounds them, picks one, and decides whether to give it.

It meets the stages only in the store and in `core.types`. What it does not do: run a model, or read a picture.
"""
