"""The challenges: the oval, the colours, and the event that tells the client about them.

Field names and working values were measured against AWS's own FaceLivenessDetector
(ui-react-liveness 3.6.8).
"""

import math
import random
from dataclasses import dataclass
from typing import Any

MOVEMENT = "FaceMovementChallenge"
LIGHT = "FaceMovementAndLightChallenge"
VERSIONS = {MOVEMENT: "1.0.0", LIGHT: "2.0.0"}  # what that client says it can do

OVAL_RATIO = 1.618  # height to width; the client draws the same
STATIC_WIDTH = 0.8 * 0.75  # of the video's height: the client's own oval, used for its far check
FAR_LIMIT = 0.25  # of the static oval's width: makes the client ask for a growth of about 1.5
COLOR_MS = 300.0  # shorter steps than this came out unevenly in the client

# Black and white bracket the six hues as in the client's own fixtures; the order of the six is the secret.
_HUES = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255))
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)

Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Oval:
    """The oval in pixels of the unmirrored video."""

    width: float
    height: float
    center_x: float
    center_y: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, width, height in pixels."""
        return (
            self.center_x - self.width / 2,
            self.center_y - self.height / 2,
            self.width,
            self.height,
        )


@dataclass(frozen=True, slots=True)
class Challenge:
    """The task of one stream, drawn at random for every session."""

    kind: str
    video_width: int
    video_height: int
    oval: Oval
    colors: tuple[Color, ...] = ()

    def event(self) -> dict[str, Any]:
        """The JSON of ServerSessionInformationEvent."""
        body: dict[str, Any] = {
            "OvalParameters": {
                "Width": self.oval.width,
                "Height": self.oval.height,
                "CenterX": self.oval.center_x,
                "CenterY": self.oval.center_y,
            },
            # Every field is needed: without an IoU field the client never sees a match.
            "ChallengeConfig": {
                "BlazeFaceDetectionThreshold": 0.75,
                "FaceDistanceThresholdMin": self.far_limit,
                "FaceDistanceThreshold": self.far_limit,
                "FaceDistanceThresholdMax": 0.0,
                "FaceIouHeightThreshold": 0.15,
                "FaceIouWidthThreshold": 0.15,
                "OvalIouThreshold": 0.7,
                "OvalIouHeightThreshold": 0.25,
                "OvalIouWidthThreshold": 0.25,
                "OvalHeightWidthRatio": OVAL_RATIO,
                "OvalFitTimeout": 7000,
            },
        }
        if self.kind == LIGHT:
            body["LightChallengeType"] = "SEQUENTIAL"
            last = len(self.colors) - 1  # the client skips the first entry's flat phase
            body["ColorSequences"] = [
                {
                    "FreshnessColor": {"RGB": list(color)},
                    "DownscrollDuration": COLOR_MS,
                    "FlatDisplayDuration": COLOR_MS if number in (0, last) else 0.0,
                }
                for number, color in enumerate(self.colors)
            ]
        return {"SessionInformation": {"Challenge": {self.kind: body}}}

    @property
    def far_limit(self) -> float:
        """The client's FaceDistanceThresholdMin: how near a face may be at the start."""
        return round(FAR_LIMIT * self.oval.width / math.floor(STATIC_WIDTH * self.video_height), 4)


def draw(kind: str, video_width: int, video_height: int, rng: random.Random) -> Challenge:
    """Draw a challenge for a video of that size in pixels.

    The oval varies a little in size and place and stays inside the frame; the
    hues of the light challenge come in random order, a new one each time.
    """
    scale = rng.uniform(0.9, 1.0)
    width = math.floor(STATIC_WIDTH * video_height * scale)
    height = math.floor(OVAL_RATIO * width)
    slack = (video_height - height) / 2
    oval = Oval(
        float(width),
        float(height),
        round(video_width * rng.uniform(15 / 32, 17 / 32), 1),
        round(video_height / 2 + rng.uniform(-slack, slack), 1),
    )
    colors: tuple[Color, ...] = ()
    if kind == LIGHT:
        hues = list(_HUES)
        rng.shuffle(hues)
        colors = (_BLACK, *hues, _WHITE)
    return Challenge(kind, video_width, video_height, oval, colors)
