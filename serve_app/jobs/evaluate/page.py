"""report.html: one file, pictures and all. Whatever came from files or models is escaped."""

import base64
import io
from collections.abc import Iterable
from html import escape
from typing import Any

from PIL import Image

from serve_app.errors import ServiceError
from serve_app.imaging import codec
from serve_app.jobs.evaluate.run_folder import Left
from serve_app.jobs.evaluate.wording import (
    CHANGES,
    CLASS_SCORES,
    bounds,
    case,
    class_cells,
    kept,
    shown,
)
from serve_app.jobs.folders.places import Place

_SIDE = 160
_MAX_PIXELS = 2**26
_MANY = 200  # problems and names; report.json has all
_PICTURES = ("image", "control", "start", "reference")  # of a row
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 80rem; padding: 0 1rem }
table { border-collapse: collapse } div { overflow-x: auto }
th, td { border-top: 1px solid #8884; padding: .3rem .6rem; text-align: left }
.matrix td { text-align: right } .matrix th { font-weight: normal }
.worst, .pictures { display: flex; flex-wrap: wrap; gap: 1rem } figure { margin: 0 }
.pictures { gap: .3rem } figcaption { max-width: 330px }
img { display: block; max-height: 160px; max-width: 160px }
.pictures > :only-child small { display: none }
.missed, .worse { color: #c33; font-weight: bold } .kept, .better { color: #283 }
"""


def page(left: Left) -> str:
    """The page of a run, from what `verdict.told` says of it."""
    told = left.more
    state = "" if not told["gate"] else "passed" if told["passed"] else "missed"
    parts = [
        f"<h1>Evaluation: {escape(told['task'])}</h1>",
        f"<p>{told['measured']} of {told['total']} rows of {escape(told['inputs'])} measured.</p>",
        _table(["metric", "value"], [[n, shown(v)] for n, v in told["metrics"].items()]),
    ]
    if told["gate"]:
        rows = [[e["metric"], bounds(e), shown(e["value"]), kept(e)] for e in told["gate"]]
        parts += [f"<h2>Gate: {state}</h2>", _table(["metric", "must be", "is", ""], rows)]
    if against := told["against"]:
        rows = [
            [name, shown(e["before"]), shown(e["now"]), e["change"] or ""]
            for name, e in against["metrics"].items()
        ]
        parts += [f"<h2>Against {escape(against['folder'])}</h2>"]
        parts += [_table(["metric", "before", "now", ""], rows)]
        parts += [
            f"<p>{title}: {len(against[key])}<br>{escape(', '.join(against[key][:_MANY]))}</p>"
            for key, title in CHANGES.items()
        ]
    if told["classes"]:
        rows = [class_cells(each) for each in told["classes"]]
        parts += ["<h2>Classes</h2>", _table(["class", *CLASS_SCORES], rows)]
    if told["confusion"] and told["confusion"]["labels"]:
        parts += ["<h2>Confusion</h2><p>Rows are true, columns predicted.</p>"]
        parts += [_matrix(**told["confusion"])]
    if told["worst"]:
        figures = "\n".join(_figure(row, told["task"]) for row in told["worst"])
        parts += [f'<h2>Worst cases</h2><div class="worst">\n{figures}</div>']
    if left.problems:
        rows = [[e.step, e.of, e.problem] for e in left.problems[:_MANY]]
        parts += [
            f"<h2>Problems: {len(left.problems)}</h2>",
            _table(["step", "of", "problem"], rows),
        ]
    content = "\n".join(parts)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Evaluation: {escape(told["task"])}</title>
<style>{_STYLE}</style>
{content}
</html>
"""


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    heads = "".join(f"<th>{name}</th>" for name in head)
    return f"<div><table>\n<tr>{heads}</tr>\n{lines}\n</table></div>"


def _cell(text: str) -> str:
    marked = f' class="{text}"' if text in ("kept", "missed", "better", "worse") else ""
    return f"<td{marked}>{escape(text)}</td>"


def _matrix(labels: list[str], counts: list[list[int]]) -> str:
    heads = "".join(f"<th>{escape(label)}</th>" for label in labels)
    lines = []
    for index, (label, row) in enumerate(zip(labels, counts, strict=True)):
        total = max(sum(row), 1)
        cells = "".join(
            f'<td style="background: {_shade(count / total, index == column)}">{count or ""}</td>'
            for column, count in enumerate(row)
        )
        lines.append(f"<tr><th>{escape(label)}</th>{cells}</tr>")
    table = "\n".join(lines)
    return f'<div><table class="matrix">\n<tr><th></th>{heads}</tr>\n{table}\n</table></div>'


def _shade(share: float, right: bool) -> str:
    return f"rgb({'40 160 80' if right else '220 60 60'} / {share:.2f})"


def _figure(row: dict[str, Any], task: str) -> str:
    pictures = "".join(
        f"<div>{_picture(row[name], name)}<small>{name}</small></div>"
        for name in _PICTURES
        if name == "image" or row.get(name)
    )
    words = "".join(
        f"<br>{name}: {escape(text)}" for name, text in case(row, task).items() if text != "none"
    )
    return (
        f'<figure><div class="pictures">{pictures}</div>'
        f"<figcaption>{escape(row['id'])}{words}</figcaption></figure>"
    )


def _picture(uri: str | None, name: str) -> str:
    """A small copy in the page itself; words where there is no picture."""
    try:
        if uri is None:
            raise OSError
        image = Image.fromarray(codec.decode(Place(uri).read(), _MAX_PIXELS))
    except (ServiceError, OSError):
        return "<p>no picture</p>"
    image.thumbnail((_SIDE, _SIDE))
    out = io.BytesIO()
    image.save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{name}">'
