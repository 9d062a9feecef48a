"""HTTP: requests, replies, errors, exports and the OpenAPI document."""
