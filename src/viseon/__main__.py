"""`python -m viseon` is `viseon`."""

from viseon.cli import main

main()
