"""`python -m infra.openapi`: make the OpenAPI document and its page anew; needs neither AWS nor settings."""

from infra.openapi.files import made

for path, content in made().items():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
