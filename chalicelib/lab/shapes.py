"""What the lab's routes take and answer, in the lab's own names."""

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

Text = Annotated[str, Meta(min_length=1)]


class LabRegistration(TypedDict):
    """A name and a photo, in base64 with or without a `data:` prefix."""

    name: Text
    fileBase64: Text
    fileName: Text
    fileType: Text


class LabForm(TypedDict):
    """A name and a photo as a form."""

    name: Text
    photo: bytes


class LabPhotoForm(TypedDict):
    """A photo as a form."""

    photo: bytes


class LabDeletion(TypedDict):
    """A face as /list-collections shows it."""

    faceId: Text
    s3Key: Text


class LabRefusal(TypedDict):
    """What did not work: `error` tells people why, with status 200 where the lab sends that."""

    success: Literal[False]
    error: NotRequired[str]
    message: NotRequired[str]


class LabSession(TypedDict):
    """A liveness session to be streamed."""

    sessionId: str
    success: Literal[True]


class LabCandidate(TypedDict):
    """An enrolled face that was recognised; `similarity` is percent."""

    name: str
    similarity: float
    faceId: str | None


class LabMatch(TypedDict):
    """Who was recognised, if anybody; the figures only where the lab's routes are open."""

    found: bool
    name: NotRequired[str]
    similarity: NotRequired[float]
    faceId: NotRequired[str | None]
    allMatches: NotRequired[list[LabCandidate]]


class LabImageDetails(TypedDict):
    """What is told of the image that was matched."""

    sizeKB: float
    sizeMB: float
    isValid: bool
    format: str


class LabImage(TypedDict):
    """The image that was matched; it is never shown."""

    found: bool
    details: LabImageDetails | None
    previewUrl: None


class LabLive(TypedDict):
    """A live person was there; `faceMatch` says who. `confidence` is 0..1."""

    success: Literal[True]
    isLive: Literal[True]
    confidence: float | None
    faceMatch: LabMatch
    sessionId: str
    capturedImage: LabImage
    timestamp: str
    message: str


class LabNotLive(TypedDict):
    """No live person was seen, or not yet."""

    success: Literal[True]
    isLive: Literal[False]
    confidence: float | None
    reason: str
    message: str


class LabRegistered(TypedDict):
    """A photo was enrolled."""

    success: Literal[True]
    name: str


class LabFace(TypedDict):
    """An enrolled face; `ExternalImageId` and `s3Key` are handles to send back."""

    FaceId: str
    ExternalImageId: str
    s3Key: str


class LabFaces(TypedDict):
    """Every enrolled face."""

    success: Literal[True]
    faces: list[LabFace]


class LabDeleted(TypedDict):
    """A face is gone."""

    success: Literal[True]
    message: str


class LabPunch(TypedDict):
    """When somebody was first there today, on the site's clock."""

    externalImageId: str
    checkinDay: str
    checkinTime: str


class LabToday(TypedDict):
    """Whether somebody was there today."""

    success: Literal[True]
    count: int
    items: list[LabPunch]


class LabCheckIn(TypedDict):
    """Somebody was recognised by a photo."""

    success: Literal[True]
    name: str
    similarity: float | None
    capturedImage: LabImage


class LabNotCheckedIn(TypedDict):
    """Nobody was recognised by the photo."""

    success: Literal[False]
    message: str
    capturedImage: LabImage
