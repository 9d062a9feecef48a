"""AWS's own liveness component in a real browser, before a camera that sees what the browser shows."""
