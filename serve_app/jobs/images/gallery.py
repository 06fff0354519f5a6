"""What a person looks at: `grid.png`, and `index.html`, which opens from disk."""

import io
import math
import os
from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from PIL import Image

from serve_app.jobs.folders.places import Place
from serve_app.jobs.folders.records import Record
from serve_app.jobs.folders.running import Failure

GRID = 64  # pictures at most, the first ones
PAGE = 2000  # rows at most
_SIDE = 160
_GAP = 4
_SHOWN = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp")  # by browsers
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 80rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { border-top: 1px solid #8884; padding: .4rem .6rem; text-align: left; vertical-align: top }
img { height: 160px; max-width: 240px; object-fit: contain }
td.numbers { white-space: nowrap }
small { color: #888 }
"""


def grid(output: Place, names: Sequence[str]) -> bytes | None:
    """The first pictures side by side, PNG; None where there are none. Raises OSError."""
    shown = names[:GRID]
    if not shown:
        return None
    columns = math.ceil(math.sqrt(len(shown)))
    lines = math.ceil(len(shown) / columns)
    cell = _SIDE + _GAP
    sheet = Image.new("RGB", (columns * cell + _GAP, lines * cell + _GAP), "white")
    for index, name in enumerate(shown):
        with Image.open(io.BytesIO((output / name).read())) as picture:
            small = picture.convert("RGB")
        small.thumbnail((_SIDE, _SIDE))
        left = index % columns * cell + _GAP + (_SIDE - small.width) // 2
        top = index // columns * cell + _GAP + (_SIDE - small.height) // 2
        sheet.paste(small, (left, top))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def page(
    run: dict[str, Any], records: Sequence[Record], failures: Sequence[Failure], output: Place
) -> str:
    """The page of a run; whatever came from names, prompts or captions is escaped."""
    told = run["summary"]
    counted = f"{told['finished']} images, {told['failed']} failures"
    cut = f" The first {PAGE} are shown." if len(records) > PAGE else ""
    rows = "\n".join(_row(record, output) for record in records[:PAGE])
    failed = "\n".join(
        f"<tr><td>{escape(path)}</td><td>{escape(reason)}</td></tr>" for path, reason in failures
    )
    failures_table = (
        f"<h2>Failures</h2><table><tr><th>path</th><th>reason</th></tr>{failed}</table>"
        if failures
        else ""
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Run {escape(run["id"])}</title>
<style>{_STYLE}</style>
<h1>Run {escape(run["id"])}</h1>
<p>{escape(counted)}, {told["images_per_second"]:g} a second.{cut}</p>
<table>
<tr><th>input</th><th>output</th><th>prompt</th><th>settings</th><th>seconds</th></tr>
{rows}
</table>
{failures_table}
</html>
"""


def _row(record: Record, output: Place) -> str:
    settings = [f"model {record['model']}", f"seed {record['seed']}"]
    if record["strength"] is not None:
        settings.append(f"strength {record['strength']:g}")
    settings.append(f"{record['steps']} steps")
    settings.append(f"{record['width']}x{record['height']}")
    stages = [(name[:-2], value) for name, value in record.items() if name.endswith("_s")]
    times = [f"{name.replace('_', ' ')} {value:.3f}" for name, value in stages]
    prompt = escape(record["prompt"])
    if record["caption"] is not None:
        prompt += f"<br><small>caption: {escape(record['caption'])}</small>"
    return (
        f"<tr><td>{_input(record, output)}</td>"
        f"<td>{_image(quote(record['key']), record['key'])}</td><td>{prompt}</td>"
        f'<td class="numbers">{"<br>".join(map(escape, settings))}</td>'
        f'<td class="numbers">{"<br>".join(map(escape, times))}</td></tr>'
    )


def _input(record: Record, output: Place) -> str:
    """The picture where a browser can show it from disk, otherwise its name."""
    name = str(record["name"])
    image = Place(record["image"]).local if record["image"] else None
    if image is None or output.local is None or image.suffix.lower() not in _SHOWN:
        return escape(name)
    return _image(quote(os.path.relpath(image, output.local)), name)


def _image(source: str, name: str) -> str:
    picture = f'<img loading="lazy" src="{escape(source)}" alt="{escape(name)}">'
    return f'<a href="{escape(source)}" title="{escape(name)}">{picture}</a>'
