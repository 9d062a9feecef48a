"""The request and response bodies of the lab's routes, with the lab's own field names."""

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

Text = Annotated[str, Meta(min_length=1)]


class LabRegistration(TypedDict):
    """A name and a photo in base64, with or without a `data:` prefix."""

    name: Text
    fileBase64: Text
    fileName: Text
    fileType: Text


class LabForm(TypedDict):
    """A name and a photo, as a form."""

    name: Text
    photo: bytes


class LabPhotoForm(TypedDict):
    """A photo, as a form."""

    photo: bytes


class LabDeletion(TypedDict):
    """A face to delete, as /list-collections returns it."""

    faceId: Text
    s3Key: Text


class LabRefusal(TypedDict):
    """A failure. `error` or `message` says why; the status is 200 where the lab sends that."""

    success: Literal[False]
    error: NotRequired[str]
    message: NotRequired[str]


class LabSession(TypedDict):
    """A new liveness session."""

    sessionId: str
    success: Literal[True]


class LabCandidate(TypedDict):
    """The enrolled face that was recognised; `similarity` is in percent."""

    name: str
    similarity: float
    faceId: str | None


class LabMatch(TypedDict):
    """Whether a person was recognised, and who; scores only where the lab's routes are open."""

    found: bool
    name: NotRequired[str]
    similarity: NotRequired[float]
    faceId: NotRequired[str | None]
    allMatches: NotRequired[list[LabCandidate]]


class LabImageDetails(TypedDict):
    """Size and format of the image that was matched."""

    sizeKB: float
    sizeMB: float
    isValid: bool
    format: str


class LabImage(TypedDict):
    """The image that was matched; the image itself is never shown."""

    found: bool
    details: LabImageDetails | None
    previewUrl: None


class LabLive(TypedDict):
    """A live person was seen; `faceMatch` says who. `confidence` is from 0 to 1."""

    success: Literal[True]
    isLive: Literal[True]
    confidence: float | None
    faceMatch: LabMatch
    sessionId: str
    capturedImage: LabImage
    timestamp: str
    message: str


class LabNotLive(TypedDict):
    """No live person was seen, or the check is not finished."""

    success: Literal[True]
    isLive: Literal[False]
    confidence: float | None
    reason: str
    message: str


class LabRegistered(TypedDict):
    """The face was enrolled."""

    success: Literal[True]
    name: str


class LabFace(TypedDict):
    """An enrolled face; `ExternalImageId` and `s3Key` are opaque handles."""

    FaceId: str
    ExternalImageId: str
    s3Key: str


class LabFaces(TypedDict):
    """All enrolled faces."""

    success: Literal[True]
    faces: list[LabFace]


class LabDeleted(TypedDict):
    """The face was deleted."""

    success: Literal[True]
    message: str


class LabPunch(TypedDict):
    """The person's first punch of today, on the site's clock."""

    externalImageId: str
    checkinDay: str
    checkinTime: str


class LabToday(TypedDict):
    """Whether a person has checked in today."""

    success: Literal[True]
    count: int
    items: list[LabPunch]


class LabCheckIn(TypedDict):
    """A person was recognised in the photo."""

    success: Literal[True]
    name: str
    similarity: float | None
    capturedImage: LabImage


class LabNotCheckedIn(TypedDict):
    """Nobody was recognised in the photo."""

    success: Literal[False]
    message: str
    capturedImage: LabImage
