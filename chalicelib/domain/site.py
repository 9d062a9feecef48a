"""What holds for a whole site: its settings, its holidays, and up to which date its books are closed."""

from datetime import date

from msgspec import Struct

from chalicelib.domain.schedule import Holiday, Schedule
from chalicelib.domain.settings import Settings


class Site(Struct, frozen=True):
    """Settings and holidays. Nothing changes on dates up to `closed_through` (None: no date is closed)."""

    settings: Settings
    holidays: tuple[Holiday, ...] = ()
    closed_through: date | None = None

    def schedule(self) -> Schedule:
        """Return the hours that are due on each date."""
        return Schedule(self.settings.calendars, self.holidays)
