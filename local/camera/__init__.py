"""A camera without a browser: it plays a person (or a sheet of paper) to the liveness stream.

It is a client like any other: it signs with temporary credentials and gets no back door.
"""

from local.camera.client import Played, ServerRefused, play
from local.camera.relief import Head, NoFaceInPhoto
from local.camera.scene import Scene

__all__ = ["Head", "NoFaceInPhoto", "Played", "Scene", "ServerRefused", "play"]
