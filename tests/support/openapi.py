"""The OpenAPI document of the application, for tests that walk over its routes."""

from app import app
from infra.openapi import document

DOCUMENT = document.build(app)
