"""`python -m v2xpki`: the same as the `v2xpki` command."""

from v2xpki.cli import main

if __name__ == "__main__":
    main()
