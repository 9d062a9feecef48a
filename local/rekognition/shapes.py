"""Faces as Rekognition describes them, made of what the engine measured."""

from typing import Any, Final

from local.rekognition.engine import Face, Image, Quality
from local.rekognition.models import Box, StoredFace

# Of the models behind a stored vector: faces of different versions cannot be compared. It names ours
# (SFace of December 2021); it is a number with a point, as the service model demands.
FACE_MODEL_VERSION: Final = "2021.12"

# Clear faces reach this score; Rekognition calls those 99 and more.
_CLEAR_SCORE: Final = 0.95

# In Rekognition's order. Its "left" is the image's: in its recorded answers eyeLeft has the smaller X.
_LANDMARKS: Final = (("eyeLeft", 0), ("eyeRight", 1), ("mouthLeft", 3), ("mouthRight", 4), ("nose", 2))


def box(image: Image, face: Face) -> Box:
    """Return a face's box as shares of the image."""
    height, width = image.shape[:2]
    left, top, across, down = face.box
    return Box(left / width, top / height, across / width, down / height)


def confidence(face: Face) -> float:
    """Return the confidence that it is a face, 0..100."""
    return round(100 * min(1.0, face.score / _CLEAR_SCORE), 4)


def bounding_box(box: Box) -> dict[str, float]:
    """Render a BoundingBox."""
    return {
        "Width": round(box.width, 6),
        "Height": round(box.height, 6),
        "Left": round(box.left, 6),
        "Top": round(box.top, 6),
    }


def face_detail(image: Image, face: Face, quality: Quality) -> dict[str, Any]:
    """Render a FaceDetail.

    Age, gender, emotions and the like are left out: no model here sees them.
    """
    height, width = image.shape[:2]
    landmarks = []
    for name, row in _LANDMARKS:
        x, y = face.landmarks[row].tolist()
        landmarks.append({"Type": name, "X": round(x / width, 6), "Y": round(y / height, 6)})
    return {
        "BoundingBox": bounding_box(box(image, face)),
        "Landmarks": landmarks,
        "Pose": {
            "Roll": round(quality.roll, 3),
            "Yaw": round(quality.yaw, 3),
            "Pitch": round(quality.pitch, 3),
        },
        "Quality": {"Brightness": round(quality.brightness, 3), "Sharpness": round(quality.sharpness, 3)},
        "Confidence": confidence(face),
    }


def stored_face(face: StoredFace) -> dict[str, Any]:
    """Render a Face of a collection."""
    return {
        "FaceId": face.face_id,
        "BoundingBox": bounding_box(face.box),
        "ImageId": face.image_id,
        "ExternalImageId": face.external_image_id,
        "Confidence": face.confidence,
        "IndexFacesModelVersion": FACE_MODEL_VERSION,
    }
