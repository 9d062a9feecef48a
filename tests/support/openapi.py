"""The OpenAPI document of the application, for tests that walk over its routes."""

from app import app
from chalicelib.web.openapi import document

DOCUMENT = document.document(app)
