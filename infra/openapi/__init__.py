"""The generator of the OpenAPI document and of its page; runs at build time and is never shipped."""
