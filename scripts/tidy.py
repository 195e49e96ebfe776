#!/usr/bin/env python3
"""Style as a test: the dependency rule, limits, listed sources, banned words, links in documents.

Prints one line for each violation and exits with 1 if there is any. Limits are ratchets: a file in
EXCEPTIONS may shrink, not grow.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAGES = {"source", "decode", "scheduler", "preprocess", "engine", "postprocess", "track", "sink"}
TOOLS = {"core", "telemetry"}

# Folder of src/ -> folders it may include besides itself. include/shoal is open to all.
MAY_INCLUDE = {
    "core": set(),
    "telemetry": {"core"},
    "models": set(),
    "evaluate": TOOLS,
    **{stage: TOOLS for stage in STAGES},
    "pipeline": TOOLS | STAGES | {"models"},
    "service": TOOLS | {"pipeline"},
    "cli": TOOLS | STAGES | {"models", "pipeline", "evaluate", "service"},
}

LIMITS = [  # (pattern, most lines)
    (r"include/shoal/.*\.h$", 200),
    (r".*_test\.cpp$", 600),
    (r".*\.h$", 250),
    (r".*\.(cpp|py)$", 500),
]
FUNCTION_LINES = 70
COLUMNS = 100
FILE_BYTES = 1 << 20
EXCEPTIONS = {"models/pcb.onnx": 10 << 20}  # bytes: the built-in model's weights

BANNED = [  # (pattern, where it is allowed, what to do instead)
    (r"\bstd::cout\b", "src/cli/", "stdout belongs to cli; log or return data"),
    (r"\bstd::endl\b", "", "'\\n'"),
    (r"\bgetenv\b", "src/cli/", "configuration arrives in cli and is passed down"),
    (r"\bsleep_for\b", "src/source/", "wait on a condition"),
    (r"^(?!.*unique_ptr).*(?<!operator )\bnew [A-Za-z_]+[ ({\[;]", "", "make_unique"),
    (r"(?<!operator )\bdelete [a-z_]+;", "", "own it with unique_ptr"),
    (r"\b(TODO|FIXME|XXX)\b", "", "do it, or file it"),
    (r"\busing namespace\b", "", "name what you use"),
]
TESTS = re.compile(r"(_test\.(cpp|h)|_bench\.cpp|_fuzz\.cpp|_for_test\.h)$|/testdata/"
                   r"|^(tests|tools|examples)/")

problems = []


def complain(path, line, text):
    where = f"{path}:{line}" if line else str(path)
    problems.append(f"{where}: {text}")


def tracked_files():
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [Path(name) for name in listing.splitlines() if (ROOT / name).is_file()]


def check_includes(path, lines):
    parts = path.parts
    if parts[0] != "src" or len(parts) < 3:
        return
    folder = parts[1]
    if folder not in MAY_INCLUDE:
        complain(path, 0, f"folder src/{folder} has no place in the dependency rule")
        return
    for number, line in enumerate(lines, 1):
        match = re.match(r'\s*#include "([^"]+)"', line)
        if not match:
            continue
        target = match.group(1).split("/")[0]
        if target in ("shoal", folder) or target in MAY_INCLUDE[folder]:
            continue
        complain(path, number, f"{folder} may not include {match.group(1)}")


def check_own_header_first(path, lines):
    header = path.with_suffix(".h")
    if path.suffix != ".cpp" or not (ROOT / header).exists() or path.parts[0] != "src":
        return
    first = next((line for line in lines if line.startswith("#include")), "")
    if f'"{header.relative_to("src")}"' not in first:
        complain(path, 0, f"includes {header.name} first, which proves that it compiles alone")


def check_limits(path, lines):
    for pattern, most in LIMITS:
        if re.fullmatch(pattern, str(path)):
            if len(lines) > most:
                complain(path, 0, f"{len(lines)} lines, at most {most}: does it want to be two?")
            break
    if path.suffix in (".h", ".cpp", ".py", ".cmake") or path.name == "CMakeLists.txt":
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS:
                complain(path, number, f"{len(line)} columns, at most {COLUMNS}")


def check_functions(path, lines):
    start = None
    for number, line in enumerate(lines, 1):
        opens = re.match(r"^(?!namespace|class|struct|enum|extern|union|constexpr std::array|\})"
                         r"[A-Za-z\[].*\{$", line)
        if opens and "(" in line or (start is None and re.match(r"^ {4,}.*\) (const )?\{$", line)
                                     and number > 1 and re.match(r"^[A-Za-z].*\($|^[A-Za-z].*,$",
                                                                 lines[number - 2])):
            start = number
        elif line == "}" and start:
            if number - start + 1 > FUNCTION_LINES:
                complain(path, start, f"a function of {number - start + 1} lines, at most "
                                      f"{FUNCTION_LINES}")
            start = None


def check_words(path, lines):
    if TESTS.search(str(path)):
        return
    for number, line in enumerate(lines, 1):
        code = line.split("//")[0] if "TODO" not in line and "FIXME" not in line else line
        for pattern, allowed, instead in BANNED:
            if re.search(pattern, code) and not (allowed and str(path).startswith(allowed)):
                complain(path, number, f"{pattern}: {instead}")


def listed_words():
    text = ""
    for path in tracked_files():
        if path.name == "CMakeLists.txt" or path.suffix == ".cmake":
            text += (ROOT / path).read_text()
    return set(re.findall(r"[\w.]+", text))


def check_listed(path, words):
    if path.suffix == ".cpp" and path.parts[0] in ("src", "examples", "tools"):
        if path.name not in words and path.stem not in words:
            complain(path, 0, "is named in no CMakeLists.txt")


def check_opening(path, lines):
    if path.suffix == ".h" and not (lines and lines[0].startswith("//")):
        complain(path, 1, "begins with a comment that says what is here")
    if path.suffix == ".h" and "#pragma once" not in lines:
        complain(path, 0, "#pragma once is missing")


def check_links(path, text):
    for match in re.finditer(r"\]\(([^)#\s]+)(#[^)]*)?\)", text):
        target = match.group(1)
        if "://" in target or target.startswith("mailto:"):
            continue
        if not (ROOT / path.parent / target).exists():
            complain(path, text[:match.start()].count("\n") + 1, f"broken link {target}")


def main():
    words = listed_words()
    for path in tracked_files():
        size = (ROOT / path).stat().st_size
        if size > EXCEPTIONS.get(str(path), FILE_BYTES):
            complain(path, 0, f"{size} bytes, at most {EXCEPTIONS.get(str(path), FILE_BYTES)}")
        if path.suffix not in (".h", ".cpp", ".py", ".md", ".cmake", ".txt"):
            continue
        text = (ROOT / path).read_text(encoding="utf-8")
        lines = text.splitlines()
        check_limits(path, lines)
        if path.suffix == ".md":
            check_links(path, text)
        if path.suffix in (".h", ".cpp"):
            check_includes(path, lines)
            check_own_header_first(path, lines)
            check_functions(path, lines)
            check_words(path, lines)
            check_listed(path, words)
            check_opening(path, lines)
    for problem in sorted(problems):
        print(problem)
    print(f"tidy: {len(problems)} problems" if problems else "tidy: nothing to complain about")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
