"""What the benchmarks say while they run, and the tables of what they found."""

import sys


def say(text):
    print(text, file=sys.stderr, flush=True)


def table(head, rows):
    """Markdown, with a line's end."""
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in [head, *rows]]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines) + "\n"
