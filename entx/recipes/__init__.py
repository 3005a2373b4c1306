"""Files that ship with the package: the weights of the rules reader."""
