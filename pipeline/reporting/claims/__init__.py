"""What of the papers was reproduced, claim by claim."""
