"""Compiling the C sources, once for each state of them. `python -m brokerlytics.native.build` does it alone."""

import hashlib
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_SOURCES: Final = tuple(sorted(_HERE.glob("*.c")))
_BUILD: Final = _HERE / "build"
STRICT: Final = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion")
_FLAGS: Final = (*STRICT, "-O3", "-fPIC", "-shared")


def library_file() -> Path:
    """Where the library of these very sources is or belongs: one of others has another name."""
    digest = hashlib.sha256(f"{sysconfig.get_platform()} {_FLAGS}".encode())
    for path in sorted(_HERE.glob("*.[ch]")):
        digest.update(path.read_bytes())
    return _BUILD / f"native-{digest.hexdigest()[:16]}.so"


def build(say: Callable[[str], object]) -> None:
    """Compile unless it is done. `say` is told in one line when it cannot be: all works without, slowly."""
    library = library_file()
    if library.exists():
        return
    compiler = shutil.which("cc")
    if compiler is None:
        say("No C compiler (cc): Python takes events and funnels, several times slower. Install one, make bootstrap.")
        return
    try:
        _BUILD.mkdir(exist_ok=True)
        compile_with(compiler, _FLAGS, library)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else error
        say(f"Python takes events and funnels, several times slower, for the C sources were not compiled: {reason}")
        return
    for other in _BUILD.glob("*.so"):
        if other != library:
            other.unlink(missing_ok=True)


def compile_with(compiler: str, flags: Sequence[str], library: Path) -> None:
    """Compile into `library`, which is whole as soon as it is there. Raises OSError, CalledProcessError."""
    unfinished = library.with_suffix(f".{os.getpid()}")
    command = [compiler, *flags, "-o", str(unfinished), *map(str, _SOURCES)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    unfinished.rename(library)


if __name__ == "__main__":
    build(print)
