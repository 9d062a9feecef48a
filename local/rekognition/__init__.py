"""A Rekognition stand-in: the real protocol, AWS's error codes, real inference."""
