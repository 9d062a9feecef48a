"""The writes that add, change or remove a person with their code and search items.

That of the profile is the first, and that of a new code the second; `shards` is the table's number of them.
"""

from msgspec.structs import replace as changed

from chalicelib.aws import items
from chalicelib.aws.dynamodb import Write, delete, delete_version, insert, put, replace
from chalicelib.domain.person import Person


def save(person: Person, shards: int) -> Write:
    """The write that replaces a profile, with the next version."""
    after = changed(person, version=person.version + 1)
    return replace(items.person(after, shards), version=person.version)


def insertion(person: Person, shards: int) -> list[Write]:
    """The writes that add a person."""
    claims = []
    if person.code:
        claims.append(insert(items.code_owner(person.code, person.person_id)))
    words = map(put, items.search_keys(person).values())  # unconditional: the key contains the id
    consents = [put(items.consent(person.person_id, person.consent))] if person.consent else []
    return [save(person, shards), *claims, *words, *consents]


def change(before: Person | None, after: Person, shards: int) -> list[Write]:
    """The writes that replace a person; None adds them."""
    if before is None:
        return insertion(after, shards)
    old, new = items.search_keys(before), items.search_keys(after)
    old_code = items.code(before.code) if before.code else None
    new_code = items.code(after.code) if after.code else None
    writes = [save(after, shards)]
    if after.code and new_code != old_code:
        writes.append(insert(items.code_owner(after.code, after.person_id)))
    if old_code and new_code != old_code:
        writes.append(delete(*old_code))
    writes += [put(new[place]) for place in new.keys() - old.keys()]
    return writes + [delete(*place) for place in old.keys() - new.keys()]


def removal(person: Person) -> list[Write]:
    """The writes that remove a person who has nothing else yet, if they did not change."""
    codes = [delete(*items.code(person.code))] if person.code else []
    words = [delete(*place) for place in items.search_keys(person)]
    return [delete_version(f"PERSON#{person.person_id}", "PROFILE", person.version), *codes, *words]
