"""What any Rollcall must do, wherever it runs: scenarios that know a base URL and tokens, no more."""

from tests.e2e.contract import attendance, lab, people, service
from tests.e2e.contract.site import Site, recorded

SCENARIOS = [*service.SCENARIOS, *people.SCENARIOS, *attendance.SCENARIOS, *lab.SCENARIOS]

__all__ = ["SCENARIOS", "Site", "recorded"]
