"""Face embeddings: turns an aligned face into the vector that it is compared by (SFace)."""

from typing import Any, Final

import cv2
import numpy as np

from local.rekognition.engine import geometry
from local.rekognition.engine.faces import Embedding, Face, Image

SIDE: Final = 112
# SFace's own alignment only samples, so a face larger than this (px) is averaged down first.
_LARGEST: Final = 600.0
_AVERAGED: Final = 300.0
_CROP: Final = 600


class Embedder:
    """One SFace. Not for two threads at once."""

    def __init__(self, model: bytes) -> None:
        self._net: Any = cv2.FaceRecognizerSF.create(
            "onnx", np.frombuffer(model, np.uint8), np.empty(0, np.uint8)
        )

    def align(self, image: Image, face: Face) -> Image:
        """Cut the face out as SFace was trained on it: 112 x 112, eyes level, mouth and eyes in place."""
        landmarks = face.landmarks
        if face.size > _LARGEST:
            x, y, width, height = face.box
            matrix = geometry.crop_matrix((x + width / 2, y + height / 2), _AVERAGED / face.size, 0.0, _CROP)
            image = geometry.warp(image, matrix, _CROP)
            landmarks = np.asarray(landmarks @ matrix[:, :2].T + matrix[:, 2], np.float32)
        row = np.zeros(15, np.float32)
        row[4:14] = landmarks.ravel()
        return np.asarray(self._net.alignCrop(image, row), np.uint8)

    def embed(self, aligned: Image) -> Embedding:
        """Turn an aligned face into its vector."""
        raw = np.asarray(self._net.feature(aligned), np.float32).ravel()
        norm = float(np.linalg.norm(raw))
        return Embedding(raw / max(norm, 1e-12), norm)
