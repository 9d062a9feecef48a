"""Gateways to DynamoDB, S3, Rekognition and STS, each handed its boto3 client."""
