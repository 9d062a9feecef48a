"""The embedded DynamoDB: moto's, with its own table storage, indexes and request checks."""
