"""The app behind its HTTP port, and its schedules: API Gateway, Lambda and EventBridge on one machine."""
