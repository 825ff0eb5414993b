"""“23 Nov 2026, 15:05 UTC”: every moment is shown in UTC, and says so."""

DATE_FORMAT = SHORT_DATE_FORMAT = "j M Y"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = r"j M Y, H:i \U\T\C"
