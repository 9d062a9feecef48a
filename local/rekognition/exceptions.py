"""Rekognition's errors, by AWS's own names.

The names and their meaning come from botocore's service model for Rekognition
(`rekognition/2016-06-27/service-2.json`).
"""


class RekognitionError(Exception):
    """An error response. The class name is the error code on the wire."""

    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def code(self) -> str:
        """The error code, as boto3 shows it."""
        return type(self).__name__


class ValidationException(RekognitionError):
    """The request does not fit the service model."""


class SerializationException(RekognitionError):
    """The request cannot be read: not JSON, or a value of another type than the model's."""


class InvalidParameterException(RekognitionError):
    """A parameter fits the model but breaks one of the documented rules."""


class ResourceNotFoundException(RekognitionError):
    """The collection does not exist."""


class ResourceAlreadyExistsException(RekognitionError):
    """A collection of that name exists."""


class ServiceQuotaExceededException(RekognitionError):
    """More of something than the service allows."""


class InvalidImageFormatException(RekognitionError):
    """The image is neither a JPEG nor a PNG, or it cannot be decoded."""


class ImageTooLargeException(RekognitionError):
    """More than 5 MB as bytes or 15 MB from S3, or too many pixels."""


class InvalidS3ObjectException(RekognitionError):
    """The S3 object is not there or cannot be read."""


class InvalidPaginationTokenException(RekognitionError):
    """The NextToken was not issued by this service."""


class IdempotentParameterMismatchException(RekognitionError):
    """A ClientRequestToken came again with other parameters."""


class SessionNotFoundException(RekognitionError):
    """No liveness session of that id, or it expired."""


class UnknownOperationException(RekognitionError):
    """The X-Amz-Target names an operation that is not supported."""


class InternalServerError(RekognitionError):
    """An unexpected error of the stand-in."""

    status = 500
