"""`python -m tests.kills 100`: kill a process that enrols and erases people, often, and look for harm.

The process is the app over an embedded AWS that lives on in this one. After each SIGKILL the sweep runs as it
would an hour later; then nothing may be half-there and nobody lost whom a caller was told of.
"""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib import wiring
from chalicelib.services import erasure, sweep
from local.app.appserver import set_environment, stage_settings
from local.aws.embedded import REGION, Embedded

ROOT = Path(__file__).resolve().parent.parent
TABLE = BUCKET = COLLECTION = "rollcall-local"


def work() -> None:
    """Enrol and erase people until killed; each thing that was answered is a line of the output."""
    import msgspec

    from app import app  # noqa: F401 - as in the service, so that as much is loaded
    from chalicelib.domain.person import NewPerson
    from chalicelib.domain.photo import Photo
    from chalicelib.services import enrolment, people
    from tests.conftest import CONSENT
    from tests.support.photos import photo_of_b, photo_of_c

    store, traces, faces, photos = (
        wiring.directory(),
        wiring.personal_data(),
        wiring.collection(),
        wiring.bucket(),
    )
    print("ready", flush=True)
    for number in range(1000):
        body = {"name": f"Người {number}", "code": f"{os.getpid()}-{number}", "consent": CONSENT}
        made = people.create(store, msgspec.convert(body, NewPerson), by=None, now=wiring.now())
        print(f"made {made.person_id}", flush=True)
        photo = Photo(photo_of_b() if number % 2 else photo_of_c(), "image/jpeg")
        enrolment.add(store, faces, photos, made.person_id, photo, allow_different=False, now=wiring.now())
        print(f"enrolled {made.person_id}", flush=True)
        print(f"erasing {made.person_id}", flush=True)
        erasure.erase(store, traces, faces, photos, made.person_id, "remove", now=wiring.now())
        print(f"erased {made.person_id}", flush=True)


def harm(aws: Embedded, said: dict[str, str]) -> list[str]:
    """Say what is wrong: traces of nobody, and people who were promised and are not there."""
    items = aws.client("dynamodb").scan(TableName=TABLE)["Items"]
    people = {item["person_id"]["S"]: item for item in items if item["sk"]["S"] == "PROFILE"}
    faces = [item for item in items if item["sk"]["S"].startswith("FACE#")]
    vectors = aws.client("rekognition").list_faces(CollectionId=COLLECTION)["Faces"]
    objects = aws.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
    photos = {entry["Key"] for entry in objects if not entry["Key"].startswith("erasures/")}
    found = [f"half erased: {one}" for one, item in people.items() if "erasing" in item]
    found += [f"unfinished face: {item}" for item in faces if item["state"]["S"] != "active"]
    active = {item["face_id"]["S"] for item in faces if "face_id" in item}
    counted = {face["S"] for item in people.values() for face in item.get("face_ids", {}).get("L", [])}
    if not active == counted == {face["FaceId"] for face in vectors}:
        found.append(f"faces differ: {active} {counted} {vectors}")
    if {item["photo_key"]["S"] for item in faces} != photos:
        found.append(f"photos differ: {objects}")
    for item in items:
        pk = item["pk"]["S"]
        owner = pk.removeprefix("PERSON#") if pk.startswith("PERSON#") else item.get("person_id", {}).get("S")
        if owner and owner not in people:
            found.append(f"of nobody: {pk} {item['sk']['S']}")
    for person_id, state in said.items():
        if (state in ("made", "enrolled")) != (person_id in people) and state != "erasing":
            found.append(f"{person_id} was {state}, and is there: {person_id in people}")
        if state == "enrolled" and "face_ids" not in people[person_id]:
            found.append(f"{person_id} was enrolled, and has no face")
    return found


def main(times: int, seed: int = 2026) -> Counter[str]:
    """Kill so many times; gives at what each kill came. Raises SystemExit with the harm that was done."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    aws = Embedded()
    aws.start()
    variables = stage_settings()["environment_variables"]
    set_environment(aws.aws_url, aws.stream_url, REGION, aws.key, variables)
    came: Counter[str] = Counter()
    try:
        for number in range(1, times + 1):
            aws.reset()
            last, said = _kill_one(chance.uniform(0, 0.9))
            came[last] += 1
            gateways = wiring.directory(), wiring.personal_data(), wiring.collection(), wiring.bucket()
            sweep.sweep(*gateways, now=datetime.now(UTC) + timedelta(hours=1))
            if found := harm(aws, said):
                raise SystemExit("\n".join([f"kill {number}, after {last}:", *found]))
            if number % 10 == 0:
                print(f"{number} of {times}: {dict(came)}", flush=True)
    finally:
        aws.stop()
    return came


def _kill_one(after_s: float) -> tuple[str, dict[str, str]]:
    before = _served()
    command: list[Any] = [sys.executable, "-m", "tests.kills", "--work"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        time.sleep(after_s)  # where the kill comes is left to chance
        process.kill()
        lines = [line.split() for line in process.stdout.read().splitlines()]
    # What the dead process had asked of AWS is still answered there. In life the sweep comes 40 s later.
    while _served() > before:
        time.sleep(0.01)
    said = {line[1]: line[0] for line in lines if len(line) == 2}
    return (lines[-1][0] if lines else "ready"), said


def _served() -> int:
    """Count the connections that the embedded AWS serves."""
    return sum("process_request_thread" in thread.name for thread in threading.enumerate())


if __name__ == "__main__":
    if sys.argv[1:] == ["--work"]:
        work()
    else:
        print(f"no harm: {dict(main(int(sys.argv[1])))}")
