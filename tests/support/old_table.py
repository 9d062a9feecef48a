"""A table that the version before schema 2 wrote, with the sheets that it answered on 15 June 2026."""

import base64
import json
from pathlib import Path
from typing import Any

DUMP = Path(__file__).resolve().parents[1] / "infra" / "table_before_schema_2.json"


def _bytes(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["__b64__"]) if value.keys() == {"__b64__"} else value


BEFORE: dict[str, Any] = json.loads(DUMP.read_text(encoding="utf-8"), object_hook=_bytes)
"""`items` in DynamoDB's JSON, `timesheets` by person id for 1 to 15 June, and the `month` of June."""
