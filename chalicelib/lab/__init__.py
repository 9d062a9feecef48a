"""The routes of the lab that Rollcall grew from, on top of the same use cases."""
