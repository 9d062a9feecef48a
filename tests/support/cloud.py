"""`python -m tests.support.cloud`: moto as an AWS of its own process on a loopback port, which it prints.

moto has no Rekognition collections; the embedded AWS's are served in their place, a set for each Region,
without recognition: tests need the collections only. CloudFormation does not create them here; tests do.
docs/deploy.md lists what else moto leaves out of a template.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, cast

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from local.rekognition.engine import Engine
from local.rekognition.models import Faces
from local.rekognition.urls import RekognitionApp


def _no_object(bucket: str, key: str, version: str | None) -> bytes:
    raise KeyError(key)


def application() -> Callable[..., Any]:
    """Give moto with collections, as WSGI."""
    moto = DomainDispatcherApplication(create_backend_app)

    @cache
    def rekognition(region: str) -> RekognitionApp:
        return RekognitionApp(Faces(":memory:"), cast(Engine, None), _no_object, region)

    def answer(environ: Any, start_response: Any) -> Any:
        if not RekognitionApp.handles(environ):
            return moto(environ, start_response)
        scope = re.search(r"/([^/]+)/rekognition/aws4_request", environ["HTTP_AUTHORIZATION"])
        assert scope, "requests are signed for a Region"
        return rekognition(scope[1])(environ, start_response)

    return answer


def main() -> None:
    """Serve until the process is ended."""
    server = make_server("127.0.0.1", 0, application(), threaded=True, request_handler=MotoRequestHandler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
