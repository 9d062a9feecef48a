"""What the OpenAPI document says in words: the introduction, the groups of routes, the parameters."""

ABOUT = """\
People are enrolled with photos, prove at a camera that they are there and alive, and a punch is recorded.

**Callers** send `Authorization: Bearer rc_...`. Each operation names the scope it needs (`x-scope`) and \
the roles that have it (`x-roles`). Tokens of the role `kiosk` punch and no more, `viewer` reads attendance, \
`manager` keeps people and corrects punches, `admin` may do everything. After many unknown tokens from an \
address, and above the limits in the settings, the answer is 429 with `Retry-After`.

**Errors** are `{"Code", "Message", "RequestId", "Details"?}`. Programs go by `Code`, people by `Message`. \
What the gateway refuses before we see it (an unknown path, too large a body, no answer in time) is \
`{"message"}` only.

**Requests** are checked strictly: an unknown field or query parameter is a 400 and never ignored.

**Retries** are safe with an `Idempotency-Key`: for 24 hours the same key and request give the first answer. \
Secrets are not kept: of a new token it is a 409, of a liveness session the credentials are fresh ones.

**Lists** come in pages: give `next_cursor` as `cursor` until it is null. Every answer to a GET has an \
`ETag`; send it as `If-None-Match` and what has not changed is a short 304.

**Times** are RFC 3339 with an offset. A work day is a date in the site's zone.\
"""


TAGS = {
    "service": "Is it up, and what can it do.",
    "people": "Who is expected, and the faces they are known by.",
    "uploads": "Photos that are too large for a request.",
    "imports": "Many people at once.",
    "identify": "Whom does a photo show.",
    "leaves": "Who is excused, and when.",
    "liveness-sessions": "One attempt at a camera.",
    "punches": "Who was there, when, and how we know.",
    "attendance": "Who is where today, and what the punches say about work days.",
    "timesheets": "Days, hours and totals of many people.",
    "settings": "The rules of the site.",
    "tokens": "Who may call.",
    "audit": "Who did what.",
    "retention": "What is kept no longer.",
    "lab": "The routes of the lab this grew from, in its own shapes; off unless a stage switches them on.",
}


PARAMETERS = {
    "allow_different": "Enrol it even if it does not look like the person's other faces.",
    "attendance": "What becomes of the punches: kept under a made-up id, or removed.",
    "bom": "Begin a CSV with a byte order mark, which Excel needs to read UTF-8.",
    "cursor": "`next_cursor` of the page before.",
    "date": "The work day; left out, today's.",
    "deep": "Look whether the table, the bucket and the collection answer; needs an admin's token.",
    "dry_run": "Only say what would become of each row.",
    "effective_from": "From which work day on the calendar counts; left out, today's.",
    "format": "The form of the answer; it counts for more than `Accept`.",
    "from": "The first day, included.",
    "group": "Only who is in this group.",
    "limit": "The most items of one page.",
    "mode": "`all`: every row or none; `good`: the rows without a fault.",
    "month": "Year and month.",
    "person_id": "Whose.",
    "q": "The beginning of a word of the name, or of the code; accents and case do not count.",
    "state": "Only who is in this state.",
    "status": "Only who has this status.",
    "to": "The last day, included.",
}
