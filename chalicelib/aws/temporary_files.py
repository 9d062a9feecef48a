"""Which uploads and exports may lie in the bucket; by these items alone the sweep finds the files."""

from datetime import datetime

from chalicelib.aws import items
from chalicelib.aws.dynamodb import Item, Table, delete, insert, replace_if
from chalicelib.aws.items import LISTING, instant
from chalicelib.domain.errors import WriteConflict


class TemporaryFiles:
    """The items of uploads and exports."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add_upload(self, upload_id: str, expires: datetime) -> None:
        """Add an upload whose form expires at an instant."""
        self._table.write(insert(items.upload(upload_id, expires)))

    def use_upload(self, upload_id: str, about: str | None) -> bool:
        """Mark an upload as in use, for a person if there is one; returns whether it was open."""
        item = self._table.get(*items.upload_key(upload_id))
        if item is None or item["state"] != "open":
            return False
        return self._change_upload({**item, "state": "in use", "about": about}, "open")

    def finish_upload(self, upload_id: str) -> None:
        """Mark an upload as used, and forget about whom it was.

        The item stays until `delete_upload`, because the form can still bring files, which have to be found.
        """
        item = self._table.get(*items.upload_key(upload_id))
        if item is not None:
            about_nobody = {name: value for name, value in item.items() if name != "about"}
            self._change_upload({**about_nobody, "state": "used"}, item["state"])

    def _change_upload(self, item: Item, state: str) -> bool:
        """Replace an upload that is in a state; returns whether it was."""
        try:
            self._table.write(replace_if(item, attribute="state", value=state))
        except WriteConflict:
            return False
        return True

    def used_uploads(self) -> list[str]:
        """List the uploads that were used and whose items are not deleted yet."""
        found = self._table.query_all(items.UPLOADS, index=LISTING)
        return [item["pk"].removeprefix("UPLOAD#") for item in found if item["state"] == "used"]

    def expired_uploads(self, before: datetime) -> list[str]:
        """List the uploads whose forms expired before an instant."""
        return self._expired(items.UPLOADS, before)

    def delete_upload(self, upload_id: str) -> None:
        """Delete the item of an upload whose form has expired and whose file is deleted."""
        self._table.write(delete(*items.upload_key(upload_id)))

    def add_export(self, export_id: str, expires: datetime) -> None:
        """Add an exported file that goes at an instant."""
        self._table.write(insert(items.export(export_id, expires)))

    def expired_exports(self, before: datetime) -> list[str]:
        """List the exported files that were to go before an instant."""
        return self._expired(items.EXPORTS, before)

    def delete_export(self, export_id: str) -> None:
        """Delete the item of an exported file that is deleted."""
        self._table.write(delete(*items.export_key(export_id)))

    def _expired(self, listing_pk: str, before: datetime) -> list[str]:
        found = self._table.query_all(listing_pk, index=LISTING, between=("0", instant(before)))
        return [item["pk"].partition("#")[2] for item in found]
