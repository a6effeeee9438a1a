"""What drawn scenes show, how it moves and where people look: the modules behind stage scenes."""
