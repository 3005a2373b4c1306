"""What the two model stages share: labels, sampling, training, constrained decoding. No prompt lives here."""
