"""What CloudFormation may answer and moto never does: refusals, stacks that failed, work in progress."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from infra import progress, stack
from infra.stage import Failure, Stage
from local.aws.embedded import ACCOUNT, REGION
from local.aws.resources import Template

NAME = "rollcall-dev"
STACK_ID = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{NAME}/1"


class Script:
    """Says what CloudFormation answers, call by call."""

    def __init__(self, stage: Stage) -> None:
        self.stub = Stubber(stage.client("cloudformation"))

    def gone(self) -> None:
        self.stub.add_client_error(
            "describe_stacks", "ValidationError", f"Stack with id {NAME} does not exist"
        )

    def is_(self, status: str, *, by_id: bool = False) -> None:
        found = {
            "StackName": NAME,
            "StackId": STACK_ID,
            "CreationTime": datetime.now(UTC),
            "StackStatus": status,
        }
        expected = {"StackName": STACK_ID if by_id else NAME}
        self.stub.add_response("describe_stacks", {"Stacks": [found]}, expected)

    def followed(self, *statuses: str) -> None:
        """Answer `_follow`, which asks for the stack and then for its resources each time."""
        self.is_("any")
        for status in statuses:
            self.is_(status, by_id=True)
            self.stub.add_response("list_stack_resources", {"StackResourceSummaries": []})

    def change_set(self, status: str, reason: str = "", resource: str | None = None) -> None:
        change = {"Action": "Add", "LogicalResourceId": resource, "ResourceType": "AWS::SQS::Queue"}
        changes = [{"Type": "Resource", "ResourceChange": change}] if resource else []
        answer = {"Status": status, "StatusReason": reason, "Changes": changes}
        self.stub.add_response("describe_change_set", answer)

    def created(self, kind: str) -> None:
        expected = {
            "ChangeSetType": kind,
            "StackName": NAME,
            "ChangeSetName": ANY,
            "TemplateBody": ANY,
            "Parameters": ANY,
            "Capabilities": ANY,
            "Tags": ANY,
        }
        self.stub.add_response("create_change_set", {}, expected)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    for module in (progress, stack):
        monkeypatch.setattr(module, "POLL_S", 0)
    return Stage("dev", ACCOUNT, REGION, "aws", boto3.session.Session("a", "b", region_name=REGION))


@pytest.fixture
def script(stage: Stage) -> Iterator[Script]:
    script = Script(stage)
    with script.stub:
        yield script
        script.stub.assert_no_pending_responses()


@pytest.fixture
def template() -> Template:
    return {"Resources": {}}


def apply(stage: Stage, template: Template, **options: Any) -> None:
    stack.apply(stage, NAME, template, {}, dry_run=False, **options)


def test_a_refused_template_is_a_failure_with_the_reason(
    stage: Stage, script: Script, template: Template
) -> None:
    script.gone()
    script.created("CREATE")
    script.change_set("CREATE_IN_PROGRESS")
    script.change_set("FAILED", "Template format error")

    with pytest.raises(Failure, match="Template format error"):
        apply(stage, template)


def test_nothing_to_change_is_not_a_failure(stage: Stage, script: Script, template: Template) -> None:
    script.is_("UPDATE_COMPLETE")
    script.is_("UPDATE_COMPLETE")
    script.created("UPDATE")
    script.change_set("FAILED", "The submitted information didn't contain changes.")
    script.stub.add_response("delete_change_set", {})

    apply(stage, template)


def test_a_stack_that_rolls_back_says_what_went_wrong_first(
    stage: Stage, script: Script, template: Template
) -> None:
    script.gone()
    script.created("CREATE")
    script.change_set("CREATE_COMPLETE", resource="Queue")
    script.stub.add_response("execute_change_set", {})
    script.followed("CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE")
    event = {"StackId": STACK_ID, "EventId": "1", "StackName": NAME, "Timestamp": datetime.now(UTC)}
    later = {"LogicalResourceId": "Other", "ResourceStatus": "CREATE_FAILED"}
    first = {
        "LogicalResourceId": "Queue",
        "ResourceStatus": "CREATE_FAILED",
        "ResourceStatusReason": "taken",
    }
    script.stub.add_response("describe_stack_events", {"StackEvents": [event | later, event | first]})

    with pytest.raises(Failure, match="ROLLBACK_COMPLETE: Queue: taken"):
        apply(stage, template)


def test_a_first_create_that_failed_is_cleared_away(stage: Stage, script: Script, template: Template) -> None:
    script.is_("ROLLBACK_COMPLETE")
    script.stub.add_response("delete_stack", {})
    script.followed("DELETE_IN_PROGRESS", "DELETE_COMPLETE")
    script.created("CREATE")
    script.change_set("CREATE_COMPLETE", resource="Queue")
    script.stub.add_response("execute_change_set", {})
    script.followed("CREATE_COMPLETE")

    apply(stage, template)


def test_what_another_run_began_is_waited_for(stage: Stage, script: Script, template: Template) -> None:
    script.is_("UPDATE_IN_PROGRESS")
    script.followed("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
    script.is_("UPDATE_COMPLETE")
    script.is_("UPDATE_COMPLETE")
    script.created("UPDATE")
    script.change_set("FAILED", "No updates are to be performed.")
    script.stub.add_response("delete_change_set", {})

    apply(stage, template)


def test_a_change_of_outputs_alone_is_made_too(stage: Stage, script: Script, template: Template) -> None:
    script.is_("UPDATE_COMPLETE")
    script.is_("UPDATE_COMPLETE")
    script.created("UPDATE")
    script.change_set("CREATE_COMPLETE")  # without a change of a resource
    script.stub.add_response("execute_change_set", {})
    script.followed("UPDATE_COMPLETE")

    apply(stage, template)


def test_a_queue_that_was_just_deleted_is_waited_for(
    stage: Stage, script: Script, template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("infra.stack.time.sleep", waited.append)
    reason = (
        "You must wait 60 seconds after deleting a queue before you can create another with the same name."
    )
    script.gone()
    script.created("CREATE")
    script.change_set("CREATE_COMPLETE", resource="DeadLetters")
    script.stub.add_response("execute_change_set", {})
    script.followed("ROLLBACK_COMPLETE")
    event = {"StackId": STACK_ID, "EventId": "1", "StackName": NAME, "Timestamp": datetime.now(UTC)}
    failed = {"ResourceStatus": "CREATE_FAILED", "ResourceStatusReason": reason}
    script.stub.add_response("describe_stack_events", {"StackEvents": [event | failed]})
    script.is_("ROLLBACK_COMPLETE")
    script.stub.add_response("delete_stack", {})
    script.followed("DELETE_COMPLETE")
    script.created("CREATE")
    script.change_set("CREATE_COMPLETE", resource="DeadLetters")
    script.stub.add_response("execute_change_set", {})
    script.followed("CREATE_COMPLETE")

    apply(stage, template)

    assert max(waited) > 60


def test_a_stack_that_only_a_person_can_mend_is_left_alone(
    stage: Stage, script: Script, template: Template
) -> None:
    script.is_("UPDATE_ROLLBACK_FAILED")

    with pytest.raises(Failure, match=r"see docs/runbook\.md"):
        apply(stage, template)
