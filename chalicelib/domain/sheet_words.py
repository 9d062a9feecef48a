"""The words of the sheets in English and Vietnamese: headings, states, marks. JSON has none of them."""

from collections.abc import Mapping
from datetime import date

from msgspec import Struct

from chalicelib.domain.spreadsheets import Hours
from chalicelib.domain.types import Language

Texts = Mapping[str, tuple[str, str]]
"""Pairs of an English and a Vietnamese text, by name."""


HEADINGS: Texts = {
    "date": ("Date", "Ngày"),
    "name": ("Name", "Họ và tên"),
    "code": ("Code", "Mã số"),
    "group": ("Group", "Bộ phận/Lớp"),
    "shift": ("Shift", "Ca làm việc"),
    "state": ("State", "Trạng thái"),
    "first_in": ("First in", "Giờ vào"),
    "last_out": ("Last out", "Giờ ra"),
    "at_work": ("At work", "Đang làm việc"),
    "open": ("Punch missing", "Thiếu chấm công"),
    "leave": ("Leave", "Loại nghỉ"),
    "holiday": ("Holiday", "Ngày lễ"),
    "sessions": ("Sessions", "Từng buổi"),
    "punches": ("Punches", "Các lần chấm công"),
    "attended": ("Attended", "Công"),
    "absent": ("Absent", "Vắng"),
    "on_leave": ("On leave", "Nghỉ có phép"),
    "level": ("Totals of", "Tổng của"),
    "people": ("People", "Số người"),
    "due_days": ("Days due", "Công chuẩn đến nay"),
    "attended_days": ("Attended days", "Công thực tế"),
    "absent_days": ("Absent days", "Vắng không phép"),
    "planned_days": ("Planned days", "Công còn lại theo lịch"),
    "leave_days": ("Leave days", "Nghỉ có phép"),
    "paid_leave_days": ("Paid leave days", "Nghỉ hưởng lương"),
    "unpaid_leave_days": ("Unpaid leave days", "Nghỉ không lương"),
    "holidays": ("Holidays", "Nghỉ lễ"),
    "days_off": ("Days off", "Nghỉ hằng tuần"),
    "late_days": ("Late days", "Số ngày đi muộn"),
    "half_days": ("Half days", "Số ngày nửa công"),
    "extra_days": ("Days worked while off", "Số ngày đi làm khi nghỉ"),
    "open_days": ("Days with a punch missing", "Số ngày thiếu chấm công"),
    "late_sessions": ("Times late", "Số lần đi muộn"),
    "early_sessions": ("Times left early", "Số lần về sớm"),
    "mark": ("Mark", "Ký hiệu"),
    "meaning": ("Meaning", "Ý nghĩa"),
}


LENGTHS: Texts = {
    "expected_minutes": ("Expected", "công chuẩn"),
    "planned_minutes": ("Planned", "còn lại theo lịch"),
    "worked_minutes": ("Worked", "làm thực tế"),
    "break_minutes": ("Break", "nghỉ giữa ca"),
    "overtime_minutes": ("Overtime", "làm thêm"),
    "late_minutes": ("Late", "đi muộn"),
    "early_minutes": ("Early", "về sớm"),
}
"""Headings of lengths of time, without their unit: it follows in English, and stands first in Vietnamese."""


STATES: Texts = {
    "present": ("present", "có mặt"),
    "late": ("late", "đi muộn"),
    "left": ("left", "đã về"),
    "half_day": ("half day", "nửa công"),
    "absent": ("absent", "vắng"),
    "expected": ("expected", "chưa đến giờ"),
    "leave": ("on leave", "nghỉ có phép"),
    "holiday": ("holiday", "nghỉ lễ"),
    "day_off": ("day off", "nghỉ hằng tuần"),
    "inactive": ("not on the list", "không thuộc danh sách"),
}
"""The states of a day and of a session."""


MEANINGS: Texts = {
    "present": ("present", "đủ công"),
    "late": ("late", "đi muộn"),
    "half_day": ("half a day, the rest absent", "nửa công, nửa ngày còn lại vắng"),
    "absent": ("absent", "vắng không phép"),
    "paid_leave": ("leave, paid", "nghỉ hưởng lương"),
    "unpaid_leave": ("leave, unpaid", "nghỉ không lương"),
    "leave": ("leave of another kind", "nghỉ loại khác"),
    "holiday": ("public holiday", "nghỉ lễ"),
    "day_off": ("day off", "nghỉ hằng tuần"),
    "halves": (
        "between two letters: first and second half of the day",
        "giữa hai ký hiệu: nửa đầu và nửa sau của ngày",
    ),
    "extra": ("after a letter: worked although nothing was due", "sau ký hiệu: có đi làm dù được nghỉ"),
    "punch_missing": ("after a letter: a punch is missing", "sau ký hiệu: thiếu một lần chấm công"),
    "empty": (
        "empty: not due yet, or not on the list",
        "để trống: chưa đến ngày, hoặc không thuộc danh sách",
    ),
}


OTHERS: Texts = {
    "yes": ("yes", "có"),
    "in": ("in", "vào"),
    "out": ("out", "ra"),
    "auto": ("auto", "tự động"),
    "manual": ("manual", "nhập tay"),
    "corrected": ("corrected", "đã sửa"),
    "void": ("takes one out", "huỷ một lần chấm"),
    "first": ("first half", "nửa đầu"),
    "second": ("second half", "nửa sau"),
    "early_by": ("early", "về sớm"),
    "roster": ("Attendance", "Tình hình trong ngày"),
    "timesheets": ("Timesheets", "Bảng chấm công"),
    "monthly": ("Monthly sheet", "Bảng chấm công tháng"),
    "totals": ("Totals", "Tổng hợp"),
    "legend": ("Legend", "Ký hiệu"),
    "person": ("person", "người"),
    "of_group": ("group", "bộ phận/lớp"),
    "all": ("all", "tất cả"),
}


WEEKDAYS = (
    ("Mon", "T2"),
    ("Tue", "T3"),
    ("Wed", "T4"),
    ("Thu", "T5"),
    ("Fri", "T6"),
    ("Sat", "T7"),
    ("Sun", "CN"),
)


class Words(Struct, frozen=True):
    """How a sheet is written: its language, and how it shows lengths of time."""

    language: Language = "en"
    hours: Hours = "minutes"

    def of(self, texts: Texts, name: str) -> str:
        """Return a text in the language."""
        return texts[name][self.language == "vi"]

    def length(self, name: str) -> str:
        """Return the heading of a length of time, with its unit."""
        if self.language == "vi":
            return f"{'Phút' if self.hours == 'minutes' else 'Giờ'} {self.of(LENGTHS, name)}"
        return f"{self.of(LENGTHS, name)} {'minutes' if self.hours == 'minutes' else 'hours'}"

    def weekday(self, on: date) -> str:
        """Return the short name of a date's weekday."""
        return WEEKDAYS[on.weekday()][self.language == "vi"]

    def leave_kind(self, kind: str) -> str:
        """Return the heading of the days of a kind of leave."""
        return f"Nghỉ: {kind}" if self.language == "vi" else f"Leave: {kind}"

    @property
    def date_format(self) -> str:
        """Excel's format of dates."""
        return "dd/mm/yyyy" if self.language == "vi" else "yyyy-mm-dd"

    def day(self, on: date) -> str:
        """Return a date as a title has it."""
        return f"{on:%d/%m/%Y}" if self.language == "vi" else on.isoformat()

    def heading(self, what: str, site_name: str) -> str:
        """Return the name of a sheet, after that of the site if it has one."""
        return f"{site_name}: {self.of(OTHERS, what)}" if site_name else self.of(OTHERS, what)

    def period(self, what: str, site_name: str, since: date, until: date, closed_through: date | None) -> str:
        """Return a title with the dates of a sheet, and up to when they are closed, if any of them are."""
        title = self.heading(what, site_name)
        if self.language == "vi":
            title += f" từ {self.day(since)} đến {self.day(until)}"
            closed = ", đã khoá sổ đến hết {}"
        else:
            title += f", {self.day(since)} to {self.day(until)}"
            closed = ", closed through {}"
        if closed_through is None or closed_through < since:
            return title
        return title + closed.format(self.day(closed_through))
