"""`python translate.py sam.json`, where AWS's SAM translator is: prints the CloudFormation of a template.

This is the code that CloudFormation itself runs for `Transform: AWS::Serverless-2016-10-31`.
"""

import json
import os
import sys
from pathlib import Path

from samtranslator.translator.transform import transform


class NoManagedPolicies:
    """Knows no policies of AWS's by name; the template names none (it would be a KeyError)."""

    def load(self) -> dict[str, str]:
        return {}


if __name__ == "__main__":
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    template = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # `aws cloudformation package` uploads the archive and writes this before anybody translates.
            resource["Properties"]["CodeUri"] = "s3://artifacts/deployment.zip"
    json.dump(transform(template, {}, NoManagedPolicies()), sys.stdout)
