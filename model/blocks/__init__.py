"""The boxes of GFSalNet's figures, one module for each: streams, attention, decoder, fusion."""
