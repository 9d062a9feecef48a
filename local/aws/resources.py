"""Creates the resources of infra/resources.yaml at an AWS endpoint through boto3; may be repeated."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from chalicelib.config import ANY

TEMPLATE = Path(__file__).resolve().parents[2] / "infra" / "resources.yaml"

Template = dict[str, Any]


LEFT_OUT = {
    "AWS::Backup::BackupPlan",
    "AWS::Backup::BackupSelection",
    "AWS::Backup::BackupVault",
    "AWS::Budgets::Budget",
    "AWS::CloudTrail::Trail",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::S3::BucketPolicy",  # TLS only, which a loopback port has not
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::WAFv2::WebACL",
}
"""Types of resources that only monitor or guard the stage. They are not created here, nor are options."""


_NO_VALUE: Final = object()
"""Stands for a property that is left out."""


class TemplateError(Exception):
    """The template uses a feature that this module does not support."""


class _Loader(yaml.SafeLoader):
    """Expands CloudFormation's short forms, such as !Ref."""


def _short(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        raise TemplateError(f"!{suffix} of this form is not understood here")
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short)


def read(path: Path = TEMPLATE) -> Template:
    """Read a CloudFormation template."""
    template: Template = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    return template


class Resolver:
    """Replaces Ref, Fn::Sub and Fn::GetAtt by their values, and Fn::If by what holds without the option."""

    def __init__(self, template: Template, parameters: Mapping[str, str], account_id: str) -> None:
        declared = template.get("Parameters", {})
        defaults = {name: one["Default"] for name, one in declared.items() if "Default" in one}
        self._values = {"AWS::Partition": "aws", "AWS::AccountId": account_id, **defaults, **parameters}
        for name, resource in template["Resources"].items():
            self._values |= self._names(name, resource)

    def _names(self, name: str, resource: Mapping[str, Any]) -> dict[str, str]:
        properties = resource["Properties"]
        for member, arn in (
            ("TableName", "arn:aws:dynamodb:::table/{}"),
            ("BucketName", "arn:aws:s3:::{}"),
            ("CollectionId", ""),
            ("RoleName", "arn:aws:iam::" + self._values["AWS::AccountId"] + ":role/{}"),
        ):
            if member in properties:
                own = str(self.resolve(properties[member]))
                return {name: own, f"{name}.Arn": arn.format(own)}
        return {}

    def resolve(self, value: Any) -> Any:
        """Resolve a value and all in it. Raises TemplateError for an unknown name."""
        match value:
            case {"Fn::Split": [str(between), text]}:
                return self.resolve(text).split(between)
            case {"Ref": "AWS::NoValue"}:
                return _NO_VALUE
            case {"Ref": str(name)} | {"Fn::GetAtt": str(name)}:
                return self._value(name)
            case {"Fn::If": [_, _, otherwise]}:
                return self.resolve(otherwise)
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^}]+)\}", lambda match: self._value(match[1]), text)
            case dict():
                if unknown := next((name for name in value if name.startswith("Fn::")), None):
                    raise TemplateError(f"{unknown} is not understood here")
                resolved = {name: self.resolve(element) for name, element in value.items()}
                return {name: element for name, element in resolved.items() if element is not _NO_VALUE}
            case list():
                return [self.resolve(element) for element in value]
        return value

    def _value(self, name: str) -> str:
        try:
            return str(self._values[name])
        except KeyError:
            raise TemplateError(f"{name} is not known here") from None


def make(
    stage: str,
    client: Callable[[str], Any],
    account_id: str,
    *,
    origins: str = ANY,
    path: Path = TEMPLATE,
) -> None:
    """Create the resources that do not exist yet. `client(service)` returns a boto3 client.

    Pages of the `origins` (divided by commas) may upload to the bucket and download from it.
    """
    template = read(path)
    resolver = Resolver(template, {"Stage": stage, "AllowedOrigins": origins}, account_id)
    for resource in template["Resources"].values():
        kind = resource["Type"]
        if kind in LEFT_OUT or "Condition" in resource:  # conditions are options of a stage in the cloud
            continue
        if kind not in _MAKERS:
            raise TemplateError(f"{kind} cannot be made here")
        service, maker = _MAKERS[kind]
        maker(client(service), resolver.resolve(resource["Properties"]))


def _make_table(dynamodb: Any, properties: dict[str, Any]) -> None:
    settings = dict(properties)
    recovery = settings.pop("PointInTimeRecoverySpecification")
    expiry = settings.pop("TimeToLiveSpecification")
    encryption = settings.pop("SSESpecification")
    name = settings["TableName"]
    try:
        dynamodb.create_table(**settings, SSESpecification={"Enabled": encryption["SSEEnabled"]})
    except dynamodb.exceptions.ResourceInUseException:
        return
    dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)


def _make_bucket(s3: Any, properties: dict[str, Any]) -> None:
    name = properties["BucketName"]
    if name not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=name)
    s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=properties["OwnershipControls"])
    s3.put_public_access_block(
        Bucket=name, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
    )
    encryption = [
        {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
        for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    ]
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": encryption})
    cors = [
        {
            "AllowedOrigins": rule["AllowedOrigins"],
            "AllowedMethods": rule["AllowedMethods"],
            "AllowedHeaders": rule["AllowedHeaders"],
            "ExposeHeaders": rule["ExposedHeaders"],
            "MaxAgeSeconds": rule["MaxAge"],
        }
        for rule in properties["CorsConfiguration"]["CorsRules"]
    ]
    s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": cors})
    rules = [_lifecycle_rule(rule) for rule in properties["LifecycleConfiguration"]["Rules"]]
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})


def _lifecycle_rule(declared: dict[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "ID": declared["Id"],
        "Status": declared["Status"],
        "Filter": {"Prefix": declared.get("Prefix", "")},
    }
    if "ExpirationInDays" in declared:
        rule["Expiration"] = {"Days": int(declared["ExpirationInDays"])}
    if "AbortIncompleteMultipartUpload" in declared:
        rule["AbortIncompleteMultipartUpload"] = declared["AbortIncompleteMultipartUpload"]
    return rule


def _make_collection(rekognition: Any, properties: dict[str, Any]) -> None:
    try:
        rekognition.create_collection(CollectionId=properties["CollectionId"])
    except rekognition.exceptions.ResourceAlreadyExistsException:
        return


def _make_role(iam: Any, properties: dict[str, Any]) -> None:
    name = properties["RoleName"]
    try:
        iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]),
            MaxSessionDuration=properties["MaxSessionDuration"],
        )
    except iam.exceptions.EntityAlreadyExistsException:
        return
    for policy in properties["Policies"]:
        document = json.dumps(policy["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)


_MAKERS: dict[str, tuple[str, Callable[[Any, dict[str, Any]], None]]] = {
    "AWS::DynamoDB::Table": ("dynamodb", _make_table),
    "AWS::S3::Bucket": ("s3", _make_bucket),
    "AWS::Rekognition::Collection": ("rekognition", _make_collection),
    "AWS::IAM::Role": ("iam", _make_role),
}
