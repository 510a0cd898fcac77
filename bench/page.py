"""The result of a bench as a page: the table, the plots, the machine, every single measurement."""

import html

STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --ground: #fff; --faint: #d8dde3; --good: #1a7f4b; --bad: #c62828; --warn: #9a6700 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #d8dee6; --ground: #12161b; --faint: #333c46; --good: #4cc38a; --bad: #ff7b72; --warn: #e3b341 }
}
body { color: var(--ink); background: var(--ground); font: 15px/1.45 sans-serif; max-width: 1180px; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; margin: 1em 0; font-variant-numeric: tabular-nums }
th, td { text-align: left; vertical-align: top; padding: .25em .9em .25em 0; border-bottom: 1px solid var(--faint) }
.pass { color: var(--good) } .MISSED { color: var(--bad); font-weight: bold } .warning { color: var(--warn) }
figure { display: inline-block; margin: .5em 1em .5em 0; max-width: 100% } figure img { max-width: 100% }
details { margin: 1em 0 } summary { cursor: pointer }
"""


def _table(columns, rows):
    def cell(name, text):
        mark = f' class="{text}"' if text in ("pass", "MISSED") else ""
        return f"<{name}{mark}>{html.escape(text)}</{name}>"

    lines = ["<table>", "<tr>" + "".join(cell("th", column) for column in columns) + "</tr>"]
    lines += ["<tr>" + "".join(cell("td", str(text)) for text in row) + "</tr>" for row in rows]
    return lines + ["</table>"]


def _values(values):
    return " ".join(f"{value:.6g}" for value in values or ())


def text(report, drawn):
    """`drawn`: [(title of a plot, its file beside the page)]."""
    name = html.escape(report.name)
    lines = ["<!DOCTYPE html>", '<html lang="en">', '<meta charset="utf-8">', '<meta name="viewport" content="width=device-width">',
             f"<title>Freshet: bench {name}</title>", f"<style>{STYLE}</style>", f"<h1>Freshet: bench {name}</h1>"]
    lines += [f'<p class="warning">{html.escape(note)}</p>' for note in report.footnotes()]
    judged = [row["cells"] for row in report.rows if row["budget"] is not None or row.get("why")]
    lines += ["<h2>Budgets</h2>", *_table(report.COLUMNS, judged),
              "<p>Medians, with the least and the greatest of the repetitions in brackets.</p>"]
    if drawn:
        lines += ["<h2>Plots</h2>", *(f'<figure><img src="{html.escape(file)}" alt="{html.escape(title)}"></figure>' for title, file in drawn)]
    lines += ["<h2>Machine and data</h2>", *_table(("", ""), report.facts.items())]
    lines += ["<details><summary>Everything that was measured</summary>",
              *_table((*report.COLUMNS, "each measurement", "each of the baseline"),
                      [(*row["cells"], _values(row["measured"]), _values(row["baseline"])) for row in report.rows]), "</details>", "</html>"]
    return "\n".join(lines) + "\n"
