"""The API's own domain: its certificate, and what to enter in DNS. Chalice creates and removes the domain."""

from collections.abc import Iterable, Mapping
from typing import Any

from infra.progress import say
from infra.stage import Failure, Stage


def certificate(stage: Stage, domain: str) -> str:
    """Return the ARN of an issued certificate for a domain, in the stage's Region. Raises Failure."""
    pages = stage.client("acm").get_paginator("list_certificates").paginate(CertificateStatuses=["ISSUED"])
    for page in pages:
        for found in page["CertificateSummaryList"]:
            names = {found["DomainName"], *found.get("SubjectAlternativeNameSummaries", [])}
            if names & {domain, f"*.{domain.partition('.')[2]}"}:
                return str(found["CertificateArn"])
    raise Failure(
        f"ACM has no issued certificate for {domain} in {stage.region}. Request one, enter in DNS what it "
        f"asks for, and run the command again: aws acm request-certificate --region {stage.region} "
        f"--domain-name {domain} --validation-method DNS"
    )


def configuration(chosen: Mapping[str, str]) -> dict[str, str] | None:
    """Return Chalice's configuration of a stage's domain; None if it has none."""
    if not chosen.get("Domain"):
        return None
    return {
        "domain_name": chosen["Domain"],
        "certificate_arn": chosen["Certificate"],
        "tls_version": "TLS_1_2",
    }


def tell(deployed: Iterable[Mapping[str, Any]]) -> None:
    """Say what to enter in DNS, by Chalice's record of a deploy."""
    for resource in deployed:
        if resource["resource_type"] == "domain_name":
            say(f"  DNS: {resource['domain_name']} is a CNAME of {resource['alias_domain_name']}")
            say(f"  (or, in Route 53, an alias of it in hosted zone {resource['hosted_zone_id']})")
