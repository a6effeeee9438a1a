"""What a run costs: hours, memory and disk space, by rates that were measured."""
