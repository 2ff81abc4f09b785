"""`python -m notifications web | worker | migrate | config`."""

from jalsa.cli import main

if __name__ == "__main__":
    main("notifications")
