"""`python -m tests.e2e.moto_bridge`: moto with what `chalice deploy` needs of it, until its input ends.

Chalice describes its API in Swagger 2.0; moto reads OpenAPI 3 only, wants a description, and does not know
an integration without a URI (the preflights). So documents are rewritten on their way in. What moto's
importer leaves out (media types, kind of endpoint) is put into its API from the same document.

This shows that Chalice's plan runs to its end, and what it asks AWS for; not that AWS grants it.
"""

import io
import json
import re
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from moto.apigateway.models import apigateway_backends
from werkzeug.serving import make_server

from tests.e2e.template import ACCOUNT, REGION
from tests.support import cloud

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

_RESTAPI = re.compile(r"/restapis(?:/([a-z0-9]+))?")


class SwaggerBridge:
    """WSGI middleware in front of moto."""

    def __init__(self, moto: Callable[[Environ, StartResponse], Iterable[bytes]]) -> None:
        self._moto = moto

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        match = _RESTAPI.fullmatch(environ["PATH_INFO"])
        mode = parse_qs(environ["QUERY_STRING"]).get("mode", [""])[0]
        if not match or (environ["REQUEST_METHOD"], mode) not in {("POST", "import"), ("PUT", "overwrite")}:
            return self._moto(environ, start_response)
        document = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        body = json.dumps(rewritten(document)).encode()
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        answer = b"".join(self._moto(environ, start_response))
        api = apigateway_backends[ACCOUNT][REGION].apis[match[1] or json.loads(answer)["id"]]
        api.binaryMediaTypes = document["x-amazon-apigateway-binary-media-types"]
        kinds = parse_qs(environ["QUERY_STRING"]).get("endpointConfigurationTypes")
        if kinds:
            api.endpoint_configuration = {"types": kinds}
        return [answer]


def rewritten(document: dict[str, Any]) -> dict[str, Any]:
    """Make of Chalice's Swagger what moto reads."""
    paths = {
        path: {verb: _method(method) for verb, method in methods.items()}
        for path, methods in document["paths"].items()
    }
    info = {"description": "", **document["info"]}
    return {"openapi": "3.0.1", "info": info, "paths": paths}


def _method(method: dict[str, Any]) -> dict[str, Any]:
    integration = method["x-amazon-apigateway-integration"]
    return {
        **method,
        "x-amazon-apigateway-integration": {"uri": "", "httpMethod": "POST", **integration},
    }


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, SwaggerBridge(cloud.application()), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()
