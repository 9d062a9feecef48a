"""The rules and the types that they use: no I/O, no clock."""
