"""What `up` lets one choose of a stage, beyond .chalice/config.json; the stage's stack remembers it.

Each option is a parameter of the stack, which keeps its value until the option is given again.
"""

import argparse
import os
import re
from collections.abc import Mapping

from chalicelib.config import ANY
from infra import regions, stages, template
from infra.stage import Failure, variables

_PARAMETERS = {
    "origin": "AllowedOrigins",
    "alarm_email": "AlarmEmail",
    "budget": "MonthlyBudget",
    "log_days": "LogDays",
    "lab": "Lab",
    "warmer": "Warmer",
    "reserved_concurrency": "ReservedConcurrency",
    "domain": "Domain",
    "requests_per_address": "RequestsPerAddress",
    "backup": "BackupDays",
    "cmk": "CustomerKey",
    "trail": "DataEvents",
}
_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
_FEWEST_REQUESTS = 10  # the least that AWS WAF takes
_SHORTEST_BACKUP = 35  # days; point-in-time recovery has these anyway
_ERASURES_OUTLIVE_BACKUPS_DAYS = 90


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options to the command line of `up`."""
    parser.add_argument(
        "--origin", help="web origins that may call the API, divided by commas (default: any)"
    )
    parser.add_argument(
        "--people", type=int, help="how many arrive in one rush: says which quotas to request for them"
    )
    parser.add_argument("--alarm-email", help="address that receives alarms")
    parser.add_argument(
        "--budget", type=int, help="US dollars a month; a mail warns of more, so it needs --alarm-email"
    )
    parser.add_argument("--log-days", type=int, help="how many days logs are kept (default: 30)")
    parser.add_argument(
        "--lab", choices=["on", "off"], help="serve the lab's routes, to callers with a token"
    )
    parser.add_argument(
        "--warmer",
        choices=["on", "off"],
        help="call GET /health every five minutes, so that one environment stays warm (default: off)",
    )
    parser.add_argument(
        "--reserved-concurrency",
        type=int,
        metavar="NUMBER",
        help="environments that Lambda keeps for the API, and the most it uses; 0 for no reservation",
    )
    parser.add_argument("--domain", help="the API's own domain, of which ACM has a certificate; '' for none")
    parser.add_argument(
        "--requests-per-address",
        type=int,
        metavar="NUMBER",
        help="put AWS WAF in front, which refuses addresses with more requests in five minutes; 0 for no WAF",
    )
    parser.add_argument(
        "--backup",
        type=int,
        metavar="DAYS",
        help="back the table up monthly and keep each backup so many days; 0 for no further ones",
    )
    parser.add_argument(
        "--cmk",
        action="store_const",
        const=True,
        help="encrypt table and bucket with a KMS key of the account's own; it cannot be taken back",
    )
    parser.add_argument(
        "--trail",
        action=argparse.BooleanOptionalAction,
        help="have CloudTrail record each access to items and objects",
    )


def given(chosen: argparse.Namespace) -> dict[str, str]:
    """Return the stack's parameters that this run chooses. Raises Failure for one that cannot be right."""
    found = {
        parameter: str(value).lower() if isinstance(value, bool) else str(value)
        for option, parameter in _PARAMETERS.items()
        if (value := getattr(chosen, option)) is not None
    }
    origin = variables(chosen.stage).get("ROLLCALL_ORIGIN", ANY)
    if origin != ANY:
        if chosen.origin not in {None, origin}:
            raise Failure(f"the origins of stage {chosen.stage} are set in .chalice/config.json: {origin}")
        found["AllowedOrigins"] = origin
    if "AllowedOrigins" in found:
        found["AllowedOrigins"] = stages.check_origins(found["AllowedOrigins"])
    if found.get("AlarmEmail") and not re.fullmatch(r"[^@\s]+@[^@\s]+", found["AlarmEmail"]):
        raise Failure(f"{found['AlarmEmail']} is not a mail address")
    if chosen.people is not None and chosen.people < 1:
        raise Failure("--people is how many people arrive in one rush")
    if chosen.budget is not None and chosen.budget < 0:
        raise Failure("a budget is a number of US dollars, or 0 for none")
    days = template.of_stage()["Parameters"]["LogDays"]["AllowedValues"]
    if chosen.log_days is not None and chosen.log_days not in days:
        raise Failure(f"--log-days is one of {', '.join(map(str, days))}")
    if (chosen.reserved_concurrency or 0) < 0:
        raise Failure("--reserved-concurrency is a number of environments, or 0 for no reservation")
    if chosen.domain and not _DOMAIN.fullmatch(chosen.domain):
        raise Failure(f"{chosen.domain} is not a domain; one is attendance.example.com")
    if chosen.requests_per_address and chosen.requests_per_address < _FEWEST_REQUESTS:
        raise Failure(f"--requests-per-address is at least {_FEWEST_REQUESTS}, or 0 for no WAF")
    if chosen.backup and chosen.backup < _SHORTEST_BACKUP:
        raise Failure(
            f"--backup is at least {_SHORTEST_BACKUP} days, which point-in-time recovery has already, or 0"
        )
    if chosen.url is not None and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", chosen.url):
        raise Failure(f"{chosen.url} is not a URL; one is https://attendance.example.com")
    if chosen.token_file is not None and not os.access(chosen.token_file.absolute().parent, os.W_OK):
        raise Failure(f"{chosen.token_file.parent} is not a folder in which a token file can be written")
    return found


def complete(found: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters with those that follow from them and from what the stack has. Raises Failure."""
    wanted = {**kept, **found}
    if wanted.get("MonthlyBudget", "0") != "0" and not wanted.get("AlarmEmail"):
        raise Failure("--budget sends a mail, so it needs --alarm-email")
    before = kept.get("Domain")
    if found.get("Domain") and before and found["Domain"] != before:
        raise Failure(f"the domain is {before}; remove it by --domain '' first, then give the new one")
    follows: dict[str, str] = {}
    if days := int(found.get("BackupDays", "0")):
        erasures = max(days + _ERASURES_OUTLIVE_BACKUPS_DAYS, int(kept.get("ErasureDays", "0")))
        follows = {"KeepsVault": "yes", "ErasureDays": str(erasures)}
    return {**found, **follows}


def warnings(wanted: Mapping[str, str], region: str, *, protected: bool) -> list[str]:
    """Return what to warn of before a deploy."""
    found = []
    if lacking := regions.without_liveness(region):
        found.append(lacking)
    if protected and wanted.get("AllowedOrigins", ANY) == ANY:
        found.append("pages of any origin may use a token that they get hold of; --origin names yours")
    return found
