"""What a refused punch leaves behind in the process: nothing."""

import gc
import importlib
import logging
import pkgutil
import re
import sys
import types
from typing import Any

import chalicelib
from chalicelib.services import punching
from tests.conftest import Finish, Http
from tests.support.answers import check_refused
from tests.support.builders import change_settings

PUNCHES = 50

SECRET = re.compile("Bearer rc_[A-Za-z0-9_-]{43}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""A token as a request sends it (the test itself keeps the bare one), or the id of a liveness session."""

OTHER_WAYS = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type, logging.Logger)
"""Modules, functions and classes lead to everything, loggers to pytest; what a module keeps is data."""


def modules() -> list[types.ModuleType]:
    """Import all modules of the application."""
    found = [module.name for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib.")]
    return [importlib.import_module(name) for name in [*found, "app"]]


def reachable(roots: list[Any]) -> list[Any]:
    """Give all objects that some objects lead to."""
    seen: dict[int, Any] = {}
    waiting = [root for root in roots if not isinstance(root, OTHER_WAYS)]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen[id(one)] = one
            waiting += [held for held in gc.get_referents(one) if not isinstance(held, OTHER_WAYS)]
    return list(seen.values())


def globals_of(module: types.ModuleType) -> list[Any]:
    """Give what a module keeps: its variables, and the attributes of its classes."""
    own = [value for name, value in vars(module).items() if not name.startswith("__")]
    classes = [one for one in own if isinstance(one, type) and one.__module__ == module.__name__]
    return own + [value for one in classes for value in vars(one).values()]


def test_no_module_keeps_an_exception() -> None:
    # Each raise adds its frames to the traceback of an instance, with all that they hold.
    for module in modules():
        kept = [one for one in globals_of(module) if isinstance(one, BaseException | dict | list | tuple)]
        assert not [one for one in reachable(kept) if isinstance(one, BaseException)], module.__name__


def test_a_refused_punch_leaves_neither_its_session_nor_its_token_in_memory(
    http: Http, finish: Finish
) -> None:
    change_settings(http, limits={"kiosk_failures": 10_000, "sessions_per_minute": 10_000})
    kiosk = http.as_("kiosk")
    secrets = {f"Bearer {kiosk.token('kiosk')}"}
    for _ in range(PUNCHES):
        session_id = kiosk.post("/v1/liveness-sessions").json_body["session_id"]
        answer = kiosk.post("/v1/punches", {"liveness_session_id": finish(session_id, None, enough=False)})
        check_refused(answer, 422, "NotLive")
        secrets.add(session_id)
    assert len(secrets) == 1 + PUNCHES
    own = [module for name, module in sys.modules.items() if name.startswith("chalicelib.")]
    assert punching in own
    texts = [one for one in reachable([globals_of(module) for module in own]) if isinstance(one, str)]
    assert not secrets.intersection(SECRET.findall("\n".join(texts)))
