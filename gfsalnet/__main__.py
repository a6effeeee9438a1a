"""`python -m gfsalnet`, the same as the command `gfsalnet`."""

from pipeline.commands.main import main

main()
