"""The embedded AWS that `make run` starts; never packaged to Lambda."""
