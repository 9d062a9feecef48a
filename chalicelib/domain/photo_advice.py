"""Advice on a refused photo, in English or Vietnamese."""

from collections.abc import Mapping

from chalicelib.domain.errors import PoorPhoto, RollcallError

Texts = Mapping[str, tuple[str, str]]
"""Pairs of an English and a Vietnamese sentence, by name."""


BY_CODE: Texts = {
    "NoFaceFound": (
        "Make sure the whole face is in the picture, and nothing covers it.",
        "Hãy để toàn bộ khuôn mặt nằm trong ảnh và không bị che khuất.",
    ),
    "SeveralFaces": (
        "Take a photo with one person only; nobody should be in the background.",
        "Hãy chụp ảnh chỉ có một người, phía sau không có ai khác.",
    ),
    "InvalidPhoto": (
        "Send a JPEG or PNG photo of at least 80 pixels on each side.",
        "Hãy gửi ảnh JPEG hoặc PNG, mỗi cạnh ít nhất 80 pixel.",
    ),
    "PhotoTooLarge": (
        "Send a smaller photo: up to 4 MB, or up to 15 MB by way of an upload.",
        "Hãy gửi ảnh nhỏ hơn: tối đa 4 MB, hoặc tối đa 15 MB nếu dùng chức năng tải lên.",
    ),
    "FaceDiffers": (
        "Check that this is the right person; if it is, take a photo from the front, in good light.",
        "Hãy kiểm tra xem có đúng người không; nếu đúng, hãy chụp lại chính diện, ở nơi đủ sáng.",
    ),
}


BY_REASON: Texts = {
    "EXTREME_POSE": (
        "Look straight into the camera.",
        "Hãy nhìn thẳng vào máy ảnh.",
    ),
    "LOW_BRIGHTNESS": (
        "Take the photo where there is more light, with the light on the face.",
        "Hãy chụp ở nơi sáng hơn, để ánh sáng chiếu vào khuôn mặt.",
    ),
    "LOW_SHARPNESS": (
        "Hold still and let the camera focus: the photo is blurred.",
        "Ảnh bị mờ: hãy giữ yên máy và chờ lấy nét rồi chụp lại.",
    ),
    "LOW_CONFIDENCE": (
        "Take off what covers the face, such as a mask, sunglasses or a hat.",
        "Hãy bỏ những thứ che mặt như khẩu trang, kính râm hoặc mũ.",
    ),
    "SMALL_BOUNDING_BOX": (
        "Come closer to the camera: the face is too small in the photo.",
        "Hãy lại gần máy ảnh hơn: khuôn mặt trong ảnh quá nhỏ.",
    ),
    "LOW_FACE_QUALITY": (
        "Take another photo from the front, sharp and in good light, with nothing covering the face.",
        "Hãy chụp lại chính diện, rõ nét, đủ sáng và không che mặt.",
    ),
    "EXCEEDS_MAX_FACES": BY_CODE["SeveralFaces"],
}
"""The advice by Rekognition's reasons (`UnindexedFaces[].Reasons`)."""


_EXACT = BY_REASON.keys() - {"LOW_FACE_QUALITY"}


def photo_advice(error: RollcallError, language: str) -> list[str]:
    """Return short sentences on how to take a better photo; none if the error is not about a photo.

    `language` is `vi` for Vietnamese; any other language gives English.
    """
    if isinstance(error, PoorPhoto):
        exact = [BY_REASON[reason] for reason in error.details["reasons"] if reason in _EXACT]
        found = exact or [BY_REASON["LOW_FACE_QUALITY"]]
    else:
        code = type(error).__name__
        found = [BY_CODE[code]] if code in BY_CODE else []
    return [texts[language == "vi"] for texts in dict.fromkeys(found)]
