"""The cloud's own limits and errors, met by the packaged app."""

import http.client
import json
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from local.embedded import Embedded
from tests.e2e.conftest import MakeSite, variables
from tests.e2e.emulator import Emulator
from tests.e2e.package import MERGE, Package
from tests.e2e.runtime import FunctionError
from tests.faces import photos_of_a

API = "APIHandler"
