"""The packaged app, run as AWS runs it, without AWS: see README.md for what that proves and what not."""
