"""Pure rules and what they are about: no I/O, no clock."""
