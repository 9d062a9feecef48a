"""The embedded AWS: DynamoDB, S3, STS and IAM on one port, which also passes calls on to Rekognition."""
