"""`python -m tests.contract ST`: serve the app as users do, and let schemathesis (ST, its program) call it.

It makes up calls from /openapi.json, sound and unsound ones, and checks every answer against the document.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.patience import PATIENCE_S


def main(program: str) -> int:
    """Run it; gives schemathesis' exit code, 0 when it found nothing."""
    with tempfile.TemporaryDirectory(prefix="rollcall-contract-") as state:
        ports = ["--port", "0", "--aws-port", "0", "--stream-port", "0", "--tls-port", "0"]
        server = subprocess.Popen([sys.executable, "-m", "local", *ports, "--state", state])
        try:
            url, token = _running(server, Path(state, "run.json"))
            # Excluded is the check that wants every sound request to succeed (rules may refuse one: no such
            # person), and the one that wants 405 for a wrong method: API Gateway says 403 to that.
            excluded = "positive_data_acceptance,unsupported_method"
            checks = ["--checks", "all", "--exclude-checks", excluded]
            amount = ["--max-examples", "25", "--seed", "2026"]
            command = [program, "run", f"{url}/openapi.json", "--url", url, *checks, *amount]
            command += ["--header", f"Authorization: Bearer {token}"]
            return subprocess.run(command, check=False).returncode
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(PATIENCE_S)


def _running(server: subprocess.Popen[bytes], run: Path) -> tuple[str, str]:
    """Give the URL and an admin's token of the server when it is up."""
    for _ in range(PATIENCE_S * 10):
        if run.exists():
            said = json.loads(run.read_text())
            return said["url"], said["tokens"]["admin"]
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit("error: the server did not start")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
