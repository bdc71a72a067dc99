"""Reports as text and as HTML."""

import html
import textwrap

import numpy as np

_N_ROWS_OF_TEXT, _N_ROWS_OF_HTML = 30, 200
_WIDTH = 112
_COLUMNS = {
    "check": "check",
    "parameter": "parameter",
    "figure": "figure",
    "expected": "expected",
    "adjusted_p_value": "p (Holm)",
    "verdict": "verdict",
    "finding": "finding",
}
# p-values below this are all the same.
_SMALLEST = 0.001
_RIGHT = ("figure", "expected", "adjusted_p_value")
# Dark on pale, with contrasts above 7, and a word beside the colour.
_COLOURS = {
    "good": ("#0b4f2f", "#d5efe0"),
    "good so far": ("#0b4f2f", "#e9f2ed"),
    "doubtful": ("#5c3c00", "#fdeabf"),
    "bad": ("#7a1408", "#fbd9d3"),
}


def as_text(report):
    """Return the table, what to try and the notes as lines."""
    cells, n_left_out = _cells(report, _N_ROWS_OF_TEXT)
    widths = {name: max(len(row[name]) for row in [_COLUMNS, *cells]) for name in _COLUMNS}
    lines = [report._title(), ""]
    lines += [_line(row, widths) for row in [_COLUMNS, *cells]]
    if n_left_out:
        lines += [f"... and {n_left_out} more, all at least as good"]
    for advice, subjects in report._advice():
        lines += ["", *textwrap.wrap(f"{'; '.join(subjects)}", _WIDTH)]
        lines += textwrap.wrap(advice, _WIDTH, initial_indent="  -> ", subsequent_indent="     ")
    lines += ["", *(line for note in report.notes for line in textwrap.wrap(note, _WIDTH))]
    return "\n".join(lines)


def as_html(report):
    """Return the same as HTML that needs nothing else."""
    cells, n_left_out = _cells(report, _N_ROWS_OF_HTML)
    head = "".join(f'<th scope="col" style="{_align(name)}">{title}</th>' for name, title in _COLUMNS.items())
    body = "".join(f"<tr>{''.join(_cell(name, value) for name, value in row.items())}</tr>" for row in cells)
    more = f"<p>... and {n_left_out} more, all at least as good.</p>" if n_left_out else ""
    advice = "".join(
        f"<li><b>{html.escape('; '.join(subjects))}</b><br>{html.escape(advice)}</li>"
        for advice, subjects in report._advice()
    )
    to_try = f"<p>What to try:</p><ul>{advice}</ul>" if advice else ""
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in report.notes)
    title = html.escape(report._title())
    return (
        f'<div><p><span style="{_colour(report.verdict)}">{report.verdict}</span> <b>{title}</b></p>'
        f'<table style="border-collapse: collapse"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f"{more}{to_try}<small>{notes}</small></div>"
    )


def _cells(report, n):
    """Return at most n rows of the table as dicts of strings, and how many were left out."""
    rows = [
        {name: _p_value(row[name]) if name == "adjusted_p_value" else _as_str(row[name]) for name in _COLUMNS}
        for _, row in report._rows_shown(n).iterrows()
    ]
    return rows, len(report.table) - len(rows)


def _as_str(value):
    if isinstance(value, str):
        return value
    if np.isnan(value):
        return ""
    return f"{value:.4g}" if abs(value) >= 1000 else f"{value:.3f}"


def _p_value(value):
    return f"< {_SMALLEST:g}" if value < _SMALLEST else _as_str(value)


def _line(row, widths):
    cells = [row[name].rjust(width) if name in _RIGHT else row[name].ljust(width) for name, width in widths.items()]
    return "  ".join(cells).rstrip()


def _cell(name, value):
    text = html.escape(value)
    style = _colour(value) if name == "verdict" else ""
    return f'<td style="{_align(name)}"><span style="{style}">{text}</span></td>'


def _align(name):
    return f"text-align: {'right' if name in _RIGHT else 'left'}; padding: 0.2em 0.6em"


def _colour(verdict):
    ink, paper = _COLOURS[verdict]
    return f"color: {ink}; background: {paper}; padding: 0.1em 0.5em; border-radius: 0.3em; font-weight: bold"
