"""Texts of the OpenAPI document: the introduction, the groups of routes, the parameters."""

ABOUT = """\
Face attendance: people are enrolled with photos, prove their presence at a camera with a liveness check, \
and a punch is recorded.

**Authentication**: send `Authorization: Bearer rc_...`. Each operation names the scope it requires \
(`x-scope`) and the roles that have it (`x-roles`). The role `kiosk` may create punches only, `viewer` \
reads attendance, `manager` maintains people and corrects punches, `admin` may do everything. A token \
with `groups` (any role but `admin`) sees and changes the people of these groups only: everybody else is to \
it as if they did not exist. Requests over the limits in the settings, and many unknown tokens from one \
address, get 429 with `Retry-After`.

**Errors** have the body `{"Code", "Message", "RequestId", "Details"?}`. Programs should rely on `Code`; \
`Message` is for people and may change. Errors of the gateway itself (unknown path, body too large, \
timeout) have `{"message"}` only.

**Validation** is strict: an unknown field or query parameter is a 400, never ignored.

**Retries** are safe with an `Idempotency-Key`: for 24 hours, the same key with the same request returns \
the first response. Responses with secrets are not stored: repeating the creation of a token is a 409, and \
repeating that of a liveness session returns the same session with new credentials.

**Lists** are paged: pass `next_cursor` as `cursor` until it is null. Every response to a GET has an \
`ETag`; send it as `If-None-Match` to get a 304 without a body if nothing has changed. HEAD gets what GET \
would, without the body; it is not listed for each path. The lab's GETs that change something have no HEAD.

**Times** are RFC 3339 with an offset. A work day is a date in the site's time zone.\
"""


TAGS = {
    "service": "Health of the service, and this document.",
    "people": "People, their consent and their enrolled faces.",
    "uploads": "Uploads of photos too large for a request.",
    "imports": "Import of people from a CSV file.",
    "identify": "Identification of the person in a photo.",
    "leaves": "Leaves: dates on which a person is excused.",
    "liveness-sessions": "Liveness sessions: one attempt at a camera each.",
    "punches": "Punches: the append-only log, corrections included.",
    "attendance": "The roster of a day, and the timesheet of a person.",
    "timesheets": "Timesheets and monthly sheets of many people.",
    "settings": "Settings of the site: calendar, thresholds, limits, retention.",
    "holidays": "Holidays of the site, whole or half days.",
    "closings": "Closing of past days, so that nothing changes them.",
    "tokens": "Access tokens.",
    "audit": "The audit log.",
    "retention": "Data that is due for removal.",
    "lab": "Routes of the lab that Rollcall grew from, in its format; off unless a stage enables them.",
}


PARAMETERS = {
    "allow_different": "Enrol the face even if it differs from the person's other faces.",
    "attendance": "Whether punches and work days are pseudonymised or removed.",
    "begins": "The date on which the version begins, or `first` for the one that holds since ever.",
    "bom": "Start the CSV with a byte order mark, which Excel needs to recognise UTF-8.",
    "children": "Also revoke the tokens that it created, and those that these created.",
    "compareFaceId": "Accepted and ignored.",
    "cursor": "The `next_cursor` of the previous page.",
    "date": "A date; that of a roster is today's work day by default.",
    "deep": "Also check the table, the bucket and the face collection; requires an admin token.",
    "dry_run": "Validate the file and report each row, without changing anything.",
    "effective_from": "The first date on which the change holds, past or to come; default: today's work day.",
    "externalImageId": "The `ExternalImageId` of the person, as /list-collections returns it.",
    "face_id": "Id of a face.",
    "format": "Format of the response, which takes precedence over `Accept`; or of the file that is sent.",
    "from": "First date, inclusive.",
    "group": "Only people of this group.",
    "hours": "How lengths of time are shown; default: minutes in a CSV, h:mm in an XLSX. JSON has minutes.",
    "lang": "Language of a CSV or XLSX; takes precedence over `Accept-Language`.",
    "leave_id": "Id of a leave.",
    "link": "Send a link to the file (200) instead of the file itself or a redirect to it (303): the `fetch` "
    "of a page cannot follow a redirect to another origin.",
    "limit": "Maximum number of items per page.",
    "mode": "`all` imports every row or none; `good` imports the valid rows; `upsert` imports every row or "
    "none, and rows with a known code update their person.",
    "month": "Year and month, YYYY-MM.",
    "person_id": "Id of a person.",
    "preview": "Accepted and ignored.",
    "q": "Prefix of a word of the name, or of the code; accents and case are ignored.",
    "rows": "Which table a CSV has: the data, its totals by person and group, or a legend. An XLSX has all.",
    "session_id": "Id of a liveness session.",
    "state": "Only people in this state.",
    "status": "Only people with this status.",
    "to": "Last date, inclusive.",
    "token_id": "Id of a token, not the token itself.",
    "version": "The `version` of the settings that were read; default: whatever it is.",
}
