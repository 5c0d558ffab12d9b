"""What a vault can be asked for, by kind of object."""
