"""The cells of workbooks, read by openpyxl: a row is a line, as in a CSV file, so that a header is near its values."""

from __future__ import annotations

import warnings
from io import BytesIO

from openpyxl import load_workbook

from outgate.attachments.opening import Opening, below, named

_ROWS = 1_000  # after which we look at the clock


def read(content: bytes, at: str, opening: Opening, seen: set[str]) -> None:
    """Every sheet, hidden ones too; ``seen`` takes the cells' texts. Raises openpyxl's errors, and StoppedError.

    A formula's value is the one that was computed when the file was saved; the formula is with the part's
    other text.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = load_workbook(BytesIO(content), read_only=True, data_only=True, keep_links=False)
    names = [sheet.title for sheet in book.worksheets]
    opening.say(below(at, "names"), "\n".join(names))
    for number, sheet in enumerate(book.worksheets, 1):
        sheet.reset_dimensions()  # what a sheet says of its size may be a lie
        lines: list[str] = []
        for count, row in enumerate(sheet.iter_rows(values_only=True)):
            if count % _ROWS == 0:
                opening.seconds_left()
            cells = ["" if cell is None else str(cell) for cell in row]
            seen.update(cell for cell in cells if cell)
            line = "\t".join(cells).rstrip()
            if line:
                lines.append(line)
        opening.say(below(at, named("sheet", sheet.title, number)), "\n".join(lines))
