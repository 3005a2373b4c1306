"""entx reads quantities off product pictures: "500.0 gram", where it stands, and how sure it is."""

__version__ = "0.1.0"
