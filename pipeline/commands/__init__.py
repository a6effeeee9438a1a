"""The command line `gfsalnet`: a module per task, none of which imports more than it needs."""
