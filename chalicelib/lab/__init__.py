"""The routes of the lab this grew out of, over the same use cases."""
