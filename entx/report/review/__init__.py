"""The review queue: questions where a human label is worth most, out to a labelling tool and back as labels.

What it does not do: train, fit or decide anything anew on the labels; it keeps them, and says what they are.
"""
