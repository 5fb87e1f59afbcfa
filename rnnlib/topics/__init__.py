"""What belongs to one notebook each.  Not part of the reading path."""
