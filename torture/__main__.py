"""`python -m torture --minutes 20 --kills 300 --seed N`: feeders under every fault, and what is stored in the end.

Prints a table and writes JSON. Exit code 0: all that was acknowledged is stored, once, and every control failed.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import django
from rich.console import Console

from brokerlytics.native.build import build

_ROOT = Path(__file__).parent.parent
# In a namespace of its own the user may mount a file system: small enough to be full within a moment.
_MOUNT = 'mount -t tmpfs -o size=1g tmpfs "$1" && shift && exec "$@"'


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="at least so long (%(default)s)")
    parser.add_argument("--kills", type=int, default=300, help="and at least so many feeders killed (%(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(31), help="of the plan")
    parser.add_argument("--brokers", type=int, choices=(1, 3), help="on one or on three alone, not on both in turn")
    parser.add_argument("--out", type=Path, default=_ROOT / "var" / "torture", help="where the JSON goes (%(default)s)")
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--stores", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    build(print)
    if options.home:
        return _run(options)
    with tempfile.TemporaryDirectory(prefix="brokerlytics-torture-") as home:
        return _run_inside(options, Path(home))


def _run_inside(options: argparse.Namespace, home: Path) -> int:
    """Run again where the stores' file system is small, if that is allowed."""
    stores = home / "stores"
    stores.mkdir()
    command = [sys.executable, "-m", "torture", "--minutes", str(options.minutes), "--kills", str(options.kills)]
    command += ["--seed", str(options.seed), "--out", str(options.out), "--home", str(home)]
    command += ["--brokers", str(options.brokers)] if options.brokers else []
    inside = ["unshare", "-Urm", "sh", "-c", _MOUNT, "sh", str(stores)]
    if subprocess.run([*inside, "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0:
        command = [*inside, *command, "--stores", str(stores)]
    return subprocess.run(command, cwd=_ROOT, check=False).returncode


def _run(options: argparse.Namespace) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brokerlytics.settings")
    os.environ["DATA_DIR"] = str(options.home)
    django.setup()
    from torture.report import publish
    from torture.run import Options, torture

    console = Console(width=None if sys.stdout.isatty() else 110)
    jars = _ROOT / "var" / "kafka" / "jars"
    brokers = (options.brokers,) if options.brokers else (1, 3)
    run = Options(options.minutes, options.kills, options.seed, options.home, jars, options.stores, brokers)
    summary = torture(run, console)
    publish(summary, options.out / "summary.json", console)
    if not summary.passed:
        # Each feeder's log, and the state that they left.
        for logs in options.home.glob("torture-*"):
            shutil.copytree(logs, options.out / logs.name, dirs_exist_ok=True)
    return 0 if summary.passed else 1


if __name__ == "__main__":
    sys.exit(main())
