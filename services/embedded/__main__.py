"""`python -m services.embedded …` is the same as `siyu …`."""

from services.embedded.command import main

main()
