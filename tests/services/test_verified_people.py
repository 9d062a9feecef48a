"""`same_person` of a comparison with one person: by the site's `similarity_threshold` and nothing less."""

import cv2

from tests.conftest import Http
from tests.support.builders import add_person, change_settings
from tests.support.faces import JPEG, enrolled
from tests.support.photos import jpeg, photos_of_a, pixels


def test_same_person_from_the_threshold_on_and_not_under_it(http: Http) -> None:
    person_id = add_person(http)
    enrolled(http, person_id, photos_of_a()[0])
    image = pixels(photos_of_a()[1])
    blurred = jpeg(cv2.GaussianBlur(image, (0, 0), 14 * image.shape[1] / 500))
    found = http.post(f"/v1/people/{person_id}/verify", blurred, JPEG).json_body
    similarity, threshold = found["similarity"], found["similarity_threshold"]
    assert 80 < similarity < threshold == 95, "the photo must resemble the person, and not enough"
    assert found["same_person"] is False
    assert change_settings(http, similarity_threshold=similarity).status_code == 200
    found = http.post(f"/v1/people/{person_id}/verify", blurred, JPEG).json_body
    assert (found["same_person"], found["similarity_threshold"]) == (True, similarity)
