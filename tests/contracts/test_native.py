"""The compiled library as such: built once for each state of its sources, and at home in its own memory."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from brokerlytics.native import build as building
from brokerlytics.native.build import STRICT, build, compile_with, library_file
from brokerlytics.native.library import Library, library

pytestmark = pytest.mark.long


def test_no_event_leads_beyond_its_memory(native: Library, tmp_path: Path) -> None:  # noqa: ARG001 (there is a compiler)
    """Address and undefined-behaviour sanitizers watch thousands of damaged events."""
    compiler = shutil.which("cc") or ""
    sanitizer = subprocess.check_output([compiler, "-print-file-name=libasan.so"], text=True).strip()
    if not Path(sanitizer).is_absolute():
        pytest.skip("the compiler has no address sanitizer")
    watched = tmp_path / "watched.so"
    flags = ["-O1", "-g", "-fPIC", "-shared", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    compile_with(compiler, [*STRICT, "-Werror", *flags], watched)
    environment = os.environ | {"LD_PRELOAD": sanitizer, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"}
    command = [sys.executable, "-m", "tests.contracts.sanitized", str(watched), "20261125", "5000"]
    done = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) > 2000


def test_other_sources_have_another_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that was compiled before a change is never taken for the changed one."""
    before = library_file()
    for path in before.parent.parent.glob("*.[ch]"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(building, "_HERE", tmp_path)
    assert library_file().name == before.name
    (tmp_path / "cells.h").write_text((tmp_path / "cells.h").read_text() + "\n")
    assert library_file().name != before.name


def _of_its_own(directory: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have `build` work in `directory`; what it says."""
    monkeypatch.setattr(building, "_SOURCES", (directory / "broken.c",))
    monkeypatch.setattr(building, "_BUILD", directory / "build")
    return []


def test_without_a_compiler_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = _of_its_own(tmp_path, monkeypatch)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    build(said.append)
    assert len(said) == 1
    assert "No C compiler (cc)" in said[0]
    assert not list(tmp_path.iterdir())


def test_sources_that_do_not_compile_are_told(native: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert native
    said = _of_its_own(tmp_path, monkeypatch)
    (tmp_path / "broken.c").write_text("int main(void) { return nothing; }\n")
    build(said.append)
    assert "nothing" in said[0]
    assert not list((tmp_path / "build").iterdir())


def test_what_cannot_be_loaded_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "feeder.so"
    broken.write_bytes(b"no library")
    monkeypatch.setattr("brokerlytics.native.library.library_file", lambda: broken)
    assert library.__wrapped__() is None
