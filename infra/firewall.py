"""AWS WAF in front of the API: the stack makes the rules, and Chalice's API is associated with them here."""

from infra import gateway
from infra.progress import say, until
from infra.stage import Failure, Stage


def attach(stage: Stage, api: str) -> None:
    """Put the stage's firewall in front of its API. Raises Failure."""
    client = stage.client("wafv2")
    listed = client.list_web_acls(Scope="REGIONAL")["WebACLs"]
    found = next((acl["ARN"] for acl in listed if acl["Name"] == stage.prefix), None)
    if found is None:
        raise Failure(f"the firewall {stage.prefix} is not there; run the command again")

    def done() -> bool | None:
        try:
            client.associate_web_acl(WebACLArn=found, ResourceArn=_arn(stage, api))
        except client.exceptions.WAFUnavailableEntityException:
            return None  # new rules take some seconds to reach all of WAF's servers
        return True

    until(done, "WAF to know its new rules", tries=30)
    say(f"  WAF in front of API {api}")


def detach(stage: Stage) -> None:
    """Take the firewall away, because the stack cannot delete rules that something uses."""
    for api in gateway.apis(stage):
        stage.client("wafv2").disassociate_web_acl(ResourceArn=_arn(stage, api))


def _arn(stage: Stage, api: str) -> str:
    return f"arn:{stage.partition}:apigateway:{stage.region}::/restapis/{api}/stages/{stage.name}"
