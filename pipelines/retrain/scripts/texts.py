"""Reading and writing of texts."""

import json
import os
import subprocess
import sys
from pathlib import Path

# The exit kinds of `ems`.
BAD_DATA, MISSING = 65, 66


class Failure(Exception):
    """A problem that the user can mend: what is wrong, where, and what to do."""

    def __init__(self, subject, problem, remedy=None, kind=BAD_DATA):
        super().__init__(f"{subject}: {problem}" + (f" ({remedy})" if remedy else ""))
        self.kind = kind


def run_main(main):
    """Runs a script's `main`; a `Failure` becomes one line on standard error and the exit status of its kind."""
    try:
        main()
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        sys.exit(failure.kind)


def lines(path):
    """The lines of a text, without their ends; .zst and .gz are unpacked. Invalid UTF-8 becomes U+FFFD, as in `ems`."""
    path = Path(path)
    if not path.is_file():
        raise Failure(path, "no such file", "check the path", MISSING)
    tool = {".zst": "zstd", ".gz": "gzip"}.get(path.suffix)
    if tool is None:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
            for line in file:
                yield line.rstrip("\r\n")
        return
    process = subprocess.Popen([tool, "-dc", "--", str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with process.stdout as pipe:
        for line in pipe:
            yield line.decode("utf-8", errors="replace").rstrip("\r\n")
    if process.wait() != 0:
        raise Failure(path, f"{tool} cannot unpack it", "the file is damaged or cut short")


def write(path, text):
    """Writes a file under a temporary name and renames it, so that a file under its own name is whole."""
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def write_json(path, value):
    """Writes a value as JSON."""
    write(path, json.dumps(value, ensure_ascii=False, indent=1, sort_keys=False) + "\n")


def read_json(path):
    """Reads what `write_json` or `ems --json` wrote."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Failure(path, f"cannot be read: {error.strerror}", kind=MISSING) from None
    except ValueError as error:
        raise Failure(path, f"is not JSON: {error}", "delete it and run again") from None
