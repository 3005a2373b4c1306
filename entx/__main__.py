"""`python -m entx` is the `entx` command."""

from entx.cli.app import main

if __name__ == "__main__":
    main()
