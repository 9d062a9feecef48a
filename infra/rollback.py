"""`rollback`: deploy an earlier release of a stage again."""

import argparse

from infra import deploy, lock, release, schema
from infra.package import PYTHON
from infra.progress import Steps, say
from infra.stage import Failure, find

_STEPS = ("Release to return to", *deploy.SWITCH, "Smoke test")


def rollback(options: argparse.Namespace) -> None:
    """Return to the last release before the deployed one that passed its smoke test, or to another.

    Raises Failure.
    """
    stage = find(options.stage)
    steps = Steps(_STEPS)
    steps.next()
    with lock.held(stage, "rollback", break_lock=options.break_lock):
        known = release.load(stage)
        target = _chosen(known, options.to)
        say(f"  release {known.deployed} is deployed, {target} is to be deployed again:")
        say("  functions, routes, schedules and settings; resources, roles and data stay as they are")
        if target.python != PYTHON:
            raise Failure(
                f"release {target.number} was made with Python {target.python}, and this is {PYTHON}: "
                "Chalice would give it another runtime. Use that Python"
            )
        schema.require(stage, target.schema, f"release {target.number}")
        if options.dry_run:
            return
        place = release.unpacked(stage, target)
        deploy.fetch_record(stage)
        release.save(stage, release.Releases(target.number, known.kept))
        api = deploy.switch(stage, place, steps)
        steps.next()
        deploy.try_out(stage, api["rest_api_url"], None)


def _chosen(known: release.Releases, number: int | None) -> release.Release:
    """Return the release to return to. Raises Failure if there is none such."""
    if number is None:
        if (found := known.before()) is None:
            raise Failure("there is no earlier release that passed its smoke test; deploy an older commit")
        return found
    for kept in known.kept:
        if kept.number == number:
            return kept
    numbers = ", ".join(str(kept.number) for kept in known.kept) or "none"
    raise Failure(f"release {number} is not kept; there are {numbers}")
