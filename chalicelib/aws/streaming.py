"""Temporary credentials with which a camera page streams its video to Rekognition."""

import json
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

_ONLY_STREAMING = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "rekognition:StartFaceLivenessSession", "Resource": "*"}],
    }
)


class StreamingCredentials(Struct, frozen=True):
    """Temporary AWS credentials that can only stream a liveness video to Rekognition."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: datetime

    def __repr__(self) -> str:
        """Keep the secrets out of logs and traces."""
        return f"StreamingCredentials(access_key_id={self.access_key_id!r}, ...)"


class StreamingAccess(Struct, frozen=True):
    """What the liveness component needs to stream; `endpoint` is null for AWS's own."""

    endpoint: str | None
    credentials: StreamingCredentials


class Streaming:
    """Issues streaming credentials of a role, through a boto3 STS client."""

    def __init__(self, client: "STSClient", role: str, region: str, endpoint: str | None) -> None:
        self._client = client
        self._role = role
        self._endpoint = endpoint
        self.region = region

    def issue(self, token_id: str) -> StreamingAccess | None:
        """Issue credentials for 15 minutes (AWS's minimum); None if the stage has no role for them.

        CloudTrail names the session that used them by the caller's token.
        """
        if not self._role:
            return None
        reply = self._client.assume_role(
            RoleArn=self._role,
            RoleSessionName=token_id,
            DurationSeconds=900,
            Policy=_ONLY_STREAMING,
        )
        issued = reply["Credentials"]
        credentials = StreamingCredentials(
            issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"], issued["Expiration"]
        )
        return StreamingAccess(self._endpoint, credentials)
