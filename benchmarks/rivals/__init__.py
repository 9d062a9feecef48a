"""Four routes of Rollcall written with other frameworks, over the same use cases; none checks a token."""
