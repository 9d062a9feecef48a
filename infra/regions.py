"""The AWS Regions: which of them offer Face Liveness, with which quotas, and which of those is nearest."""

from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple

LIVENESS = {
    "ap-northeast-1": "Tokyo",
    "ap-south-1": "Mumbai",
    "ap-southeast-5": "Malaysia",
    "ap-southeast-7": "Thailand",
    "eu-west-1": "Ireland",
    "sa-east-1": "São Paulo",
    "us-east-1": "N. Virginia",
    "us-west-2": "Oregon",
}
"""The Regions that offer Face Liveness, as of September 2026."""

OPT_IN = {"ap-southeast-5", "ap-southeast-7"}
"""Those of them that an account must enable before it can use them."""


class Quotas(NamedTuple):
    """What an account may ask of Rekognition in a Region, in calls a second, and in streams at once."""

    sessions: float
    """CreateFaceLivenessSession, StartFaceLivenessSession and GetFaceLivenessSessionResults, of each."""

    streams: int
    """Liveness streams that are open."""

    searches: float
    """SearchFacesByImage; also IndexFaces, SearchFaces and ListFaces, of each."""


QUOTAS = {
    "us-east-1": Quotas(sessions=25, streams=75, searches=50),
    "us-west-2": Quotas(sessions=25, streams=75, searches=50),
    "eu-west-1": Quotas(sessions=5, streams=15, searches=50),
}
"""AWS's defaults where they are not the usual ones: AWS General Reference, "Amazon Rekognition endpoints and
quotas" (docs.aws.amazon.com/general/latest/gr/rekognition.html), read in November 2026."""

USUAL = Quotas(sessions=5, streams=15, searches=5)
"""The defaults of every other Region, of the same source."""


def quotas_of(region: str) -> Quotas:
    """Return the quotas that an account has in a Region unless AWS has granted it more."""
    return QUOTAS.get(region, USUAL)


_PLACES = {
    "af-south-1": (-33.9, 18.4),
    "ap-east-1": (22.3, 114.2),
    "ap-east-2": (25.0, 121.5),
    "ap-northeast-1": (35.7, 139.7),
    "ap-northeast-2": (37.6, 127.0),
    "ap-northeast-3": (34.7, 135.5),
    "ap-south-1": (19.1, 72.9),
    "ap-south-2": (17.4, 78.5),
    "ap-southeast-1": (1.4, 103.8),
    "ap-southeast-2": (-33.9, 151.2),
    "ap-southeast-3": (-6.2, 106.8),
    "ap-southeast-4": (-37.8, 145.0),
    "ap-southeast-5": (3.1, 101.7),
    "ap-southeast-6": (-36.8, 174.8),
    "ap-southeast-7": (13.8, 100.5),
    "ca-central-1": (45.5, -73.6),
    "ca-west-1": (51.0, -114.1),
    "eu-central-1": (50.1, 8.7),
    "eu-central-2": (47.4, 8.5),
    "eu-north-1": (59.3, 18.1),
    "eu-south-1": (45.5, 9.2),
    "eu-south-2": (41.6, -0.9),
    "eu-west-1": (53.3, -6.3),
    "eu-west-2": (51.5, -0.1),
    "eu-west-3": (48.9, 2.4),
    "il-central-1": (32.1, 34.8),
    "me-central-1": (24.5, 54.4),
    "me-south-1": (26.1, 50.6),
    "mx-central-1": (20.6, -100.4),
    "sa-east-1": (-23.5, -46.6),
    "us-east-1": (38.9, -77.4),
    "us-east-2": (40.0, -83.0),
    "us-west-1": (37.4, -121.9),
    "us-west-2": (45.9, -119.3),
}
"""Latitude and longitude in degrees, good enough to compare distances."""


def nearest(region: str) -> list[str]:
    """Return the Regions with Face Liveness, nearest first; alphabetically from a Region not known here."""
    if region not in _PLACES:
        return sorted(LIVENESS)
    return sorted(LIVENESS, key=lambda other: _distance(_PLACES[region], _PLACES[other]))


def without_liveness(region: str) -> str | None:
    """Return what to tell about a Region that lacks Face Liveness; None where it is offered."""
    if region in LIVENESS:
        return None
    first, second = nearest(region)[:2]
    return (
        f"Face Liveness is not offered in {region}; the nearest Regions that offer it are "
        f"{_described(first)} and {_described(second)}"
    )


def _described(region: str) -> str:
    opt_in = ", which the account must enable first" if region in OPT_IN else ""
    return f"{region} ({LIVENESS[region]}{opt_in})"


def _distance(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Return the angle between two places in radians (haversine)."""
    (latitude, longitude), (other_latitude, other_longitude) = (
        (radians(place[0]), radians(place[1])) for place in (here, there)
    )
    half = sin((latitude - other_latitude) / 2) ** 2
    half += cos(latitude) * cos(other_latitude) * sin((longitude - other_longitude) / 2) ** 2
    return 2 * asin(sqrt(half))
