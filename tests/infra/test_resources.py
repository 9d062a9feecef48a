"""What a stage's template promises of the data: who may reach it, that it is encrypted, kept and let go.

The tests ask for the meaning of a setting and never for a resource's name.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from infra.template import of_stage

RESOURCES: Final[dict[str, dict[str, Any]]] = of_stage()["Resources"]
STREAMING: Final[dict[str, Any]] = RESOURCES["StreamingRole"]["Properties"]
KEPT: Final = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Rekognition::Collection"}
"""What holds people's data."""

FUNCTION_ROLES: Final = {"ApiHandlerRole", "RetentionRole", "SweepRole"}


def only(kind: str) -> dict[str, Any]:
    """Give the one resource of a type."""
    [found] = [resource for resource in RESOURCES.values() if resource["Type"] == kind]
    return found


def properties(kind: str) -> dict[str, Any]:
    """Give the settings of the one resource of a type."""
    found: dict[str, Any] = only(kind)["Properties"]
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(value: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Find every statement of every policy, wherever it stands in a template."""
    if isinstance(value, dict):
        if "Effect" in value:
            yield place, value
        for name, inner in value.items():
            yield from statements(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from statements(inner, place)


# --- who may reach it -----------------------------------------------------------------------------


def test_the_bucket_policy_refuses_whoever_does_not_use_tls() -> None:
    policy = properties("AWS::S3::BucketPolicy")["PolicyDocument"]
    deny = [one for one in listed(policy["Statement"]) if one["Effect"] == "Deny"]
    [tls] = [one for one in deny if one["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}]
    assert tls["Principal"] in ("*", {"AWS": "*"}), "everybody is refused without TLS"
    assert listed(tls["Action"]) == ["s3:*"], "every action is refused without TLS"
    assert {"Fn::GetAtt": "Bucket.Arn"} in tls["Resource"], "listing the bucket without TLS is refused"
    assert {"Fn::Sub": "${Bucket.Arn}/*"} in tls["Resource"], "reading an object without TLS is refused"


def named_roles_of_this_account(statement: dict[str, Any]) -> bool:
    """Return whether conditions narrow a statement to roles of this account that it names."""
    condition = statement.get("Condition", {})
    account = condition.get("StringEquals", {}).get("kms:CallerAccount")
    roles = [one["Fn::Sub"] for one in listed(condition.get("ArnEquals", {}).get("aws:PrincipalArn", []))]
    return (
        account == {"Ref": "AWS::AccountId"} and bool(roles) and not any(set("*?") & {*one} for one in roles)
    )


def test_no_resource_lets_the_public_in() -> None:
    public = [
        (place, one)
        for place, one in statements(RESOURCES)
        if one["Effect"] == "Allow"
        and "Principal" in one
        and '"*"' in json.dumps(one["Principal"])
        and not named_roles_of_this_account(one)
    ]
    assert not public, f"these statements let anybody in: {public}"


def test_nobody_outside_the_account_is_let_in() -> None:
    for place, one in statements(RESOURCES):
        for principal in listed(one.get("Principal", {}).get("AWS", [])) if one["Effect"] == "Allow" else []:
            if named_roles_of_this_account(one):
                continue
            name = principal.get("Fn::Sub", "") if isinstance(principal, dict) else principal
            assert "::${AWS::AccountId}:" in name, f"{place} lets in {principal}, of another account"


def test_no_statement_allows_every_action() -> None:
    for place, one in statements(RESOURCES):
        if one["Effect"] == "Allow":
            assert not [action for action in listed(one["Action"]) if "*" in action], (
                f"{place} allows too much"
            )
            assert "NotAction" not in one
            assert "NotPrincipal" not in one


def test_all_four_ways_to_make_the_bucket_public_are_blocked() -> None:
    block = properties("AWS::S3::Bucket")["PublicAccessBlockConfiguration"]
    for way in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"):
        assert block.get(way) is True, f"{way} must be true, or the bucket may become public"


def test_the_bucket_has_no_acls() -> None:
    rules = properties("AWS::S3::Bucket")["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert "AccessControl" not in properties("AWS::S3::Bucket")


def test_a_browser_may_post_to_the_bucket_and_never_put_or_delete() -> None:
    for rule in properties("AWS::S3::Bucket")["CorsConfiguration"]["CorsRules"]:
        assert not {"PUT", "DELETE"} & set(rule["AllowedMethods"])


def test_only_lambda_may_assume_the_roles_of_the_functions() -> None:
    roles = {name: one for name, one in RESOURCES.items() if one["Type"] == "AWS::IAM::Role"}
    assert len(roles) > 1
    for name, role in roles.items():
        [trust] = listed(role["Properties"]["AssumeRolePolicyDocument"]["Statement"])
        if name == "BackupRole":
            assert trust["Principal"] == {"Service": "backup.amazonaws.com"}
        elif name != "StreamingRole":
            assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}, f"{name} trusts somebody else"


# --- the streaming role ---------------------------------------------------------------------------


def test_only_the_api_of_this_account_may_assume_the_streaming_role() -> None:
    [trust] = listed(STREAMING["AssumeRolePolicyDocument"]["Statement"])
    assert trust["Effect"] == "Allow"
    assert listed(trust["Action"]) == ["sts:AssumeRole"]
    assert set(trust["Principal"]) == {"AWS"}, "no service and no identity provider may assume it"
    [condition] = trust["Condition"].items()
    assert condition[0] == "ArnEquals", "the caller is one role, not what resembles it"
    assert set(condition[1]) == {"aws:PrincipalArn"}
    caller = condition[1]["aws:PrincipalArn"]["Fn::Sub"]
    assert caller.startswith("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/rollcall-")
    assert "${Stage}" in caller, "another stage's API must not assume it"
    assert caller.removesuffix("${RoleSuffix}").endswith("-api_handler"), "the sweep does not stream"
    assert "*" not in caller
    assert "?" not in caller


def test_the_streaming_role_starts_a_liveness_stream_and_nothing_else() -> None:
    allowed = [
        one for policy in STREAMING["Policies"] for one in listed(policy["PolicyDocument"]["Statement"])
    ]
    actions = [action for one in allowed for action in listed(one["Action"])]
    assert actions == ["rekognition:StartFaceLivenessSession"]
    assert not STREAMING.get("ManagedPolicyArns")


def test_credentials_for_a_stream_end_within_the_hour() -> None:
    assert STREAMING["MaxSessionDuration"] <= 3600


# --- the account's own key, and its trail ----------------------------------------------------------

KEY: Final = {"Fn::If": ["HasKey", {"Ref": "Key"}, {"Ref": "AWS::NoValue"}]}


def test_the_key_encrypts_table_and_bucket_where_it_is_wanted() -> None:
    assert properties("AWS::DynamoDB::Table")["SSESpecification"]["KMSMasterKeyId"] == KEY
    [rule] = properties("AWS::S3::Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == KEY
    assert only("AWS::KMS::Key")["Condition"] == "HasKey"


def test_the_key_rotates_and_goes_a_month_after_the_stage_at_the_earliest() -> None:
    key = properties("AWS::KMS::Key")
    assert key["EnableKeyRotation"] is True
    assert key["PendingWindowInDays"] == 30


def test_only_the_functions_may_use_the_key_by_its_policy_alone_and_nobody_past_table_and_bucket() -> None:
    functions = [RESOURCES[name]["Properties"] for name in FUNCTION_ROLES]
    roles = {one["RoleName"]["Fn::Sub"] for one in functions}
    for statement in properties("AWS::KMS::Key")["KeyPolicy"]["Statement"]:
        uses = {"kms:Decrypt", "kms:Encrypt", "kms:CreateGrant"} & set(listed(statement["Action"]))
        if not uses:
            continue
        services = statement["Condition"]["StringEquals"]["kms:ViaService"]
        assert [one["Fn::Sub"].partition(".")[0] for one in services] == ["dynamodb", "s3"]
        if statement["Principal"] == {"AWS": "*"}:
            named = statement["Condition"]["ArnEquals"]["aws:PrincipalArn"]
            assert {one["Fn::Sub"].rpartition("/")[2] for one in named} == roles
            assert "kms:CreateGrant" not in uses


def test_the_trail_records_items_and_objects_and_not_itself() -> None:
    trail = properties("AWS::CloudTrail::Trail")
    assert only("AWS::CloudTrail::Trail")["Condition"] == "HasTrail"
    assert trail["EnableLogFileValidation"] is True
    objects, items = [
        {field["Field"]: field for field in selector["FieldSelectors"]}
        for selector in trail["AdvancedEventSelectors"]
    ]
    assert objects["resources.type"]["Equals"] == ["AWS::S3::Object"]
    assert objects["resources.ARN"]["NotStartsWith"] == [{"Fn::Sub": "${Bucket.Arn}/trail/"}]
    assert items["resources.type"]["Equals"] == ["AWS::DynamoDB::Table"]


# --- kept, encrypted, let go ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(KEPT))
def test_peoples_data_outlive_the_stack(kind: str) -> None:
    found = only(kind)
    assert found["DeletionPolicy"] in ("Retain", "RetainExceptOnCreate")
    assert found["UpdateReplacePolicy"] == "Retain"


def test_the_table_can_be_put_back_to_any_second_of_the_last_weeks() -> None:
    recovery = properties("AWS::DynamoDB::Table")["PointInTimeRecoverySpecification"]
    assert recovery["PointInTimeRecoveryEnabled"] is True


def test_everything_at_rest_is_encrypted() -> None:
    assert properties("AWS::DynamoDB::Table")["SSESpecification"]["SSEEnabled"] is True
    [rule] = properties("AWS::S3::Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    algorithm = rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
    assert algorithm == {"Fn::If": ["HasKey", "aws:kms", "AES256"]}
    queues = [one["Properties"] for one in RESOURCES.values() if one["Type"] == "AWS::SQS::Queue"]
    assert queues
    assert all(queue.get("SqsManagedSseEnabled") or queue.get("KmsMasterKeyId") for queue in queues)


def test_what_expires_goes_by_the_attribute_that_the_app_writes() -> None:
    expiry = properties("AWS::DynamoDB::Table")["TimeToLiveSpecification"]
    assert expiry == {"AttributeName": "expires", "Enabled": True}


@pytest.mark.parametrize(
    ("prefix", "days"),
    [
        pytest.param("uploads/", 1, id="uploads that were never used"),
        pytest.param("exports/", 1, id="exports with names in them"),
        pytest.param("liveness/", 30, id="images of liveness sessions"),
    ],
)
def test_objects_that_have_served_expire(prefix: str, days: int) -> None:
    rules = properties("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    [rule] = [rule for rule in rules if rule.get("Prefix") == prefix]
    assert rule["Status"] == "Enabled"
    assert rule["ExpirationInDays"] <= days


def test_enrolled_photos_never_expire() -> None:
    for rule in properties("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]:
        if "ExpirationInDays" in rule:
            assert rule.get("Prefix"), "a rule without a prefix is one for every photo"
            assert not "photos/".startswith(rule["Prefix"])


def test_a_photo_that_is_removed_is_gone_and_no_older_version_of_it_stays() -> None:
    bucket = properties("AWS::S3::Bucket")
    assert bucket.get("VersioningConfiguration", {}).get("Status") != "Enabled", "erased means erased"
    assert "ReplicationConfiguration" not in bucket


def test_no_log_is_kept_for_ever() -> None:
    groups = {name: one for name, one in RESOURCES.items() if one["Type"] == "AWS::Logs::LogGroup"}
    assert groups
    for name, group in groups.items():
        assert group["Properties"].get("RetentionInDays"), f"{name} is kept for ever"
