"""`python -m benchmarks [feeder] [latency] [ingest] [simulate] [dashboard] [page] [index] [soak]`: tables and JSON."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import django

from brokerlytics.native.build import build

NAMES = ("feeder", "latency", "ingest", "simulate", "dashboard", "page", "index", "soak")
# These need much time, or Chromium.
ONLY_IF_NAMED = ("page", "index", "soak")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "which", nargs="*", metavar="|".join(NAMES), help=f"default: all but {', '.join(ONLY_IF_NAMED)}"
    )
    parser.add_argument("--runs", type=int, default=3, help="the median of so many is shown (%(default)s)")
    parser.add_argument(
        "--events",
        type=int,
        default=1_000_000,
        help="feeder, simulate, index: how many are carried; dashboard, page: how many are stored (%(default)s)",
    )
    parser.add_argument("--alone", action="store_true", help="feeder, dashboard: without the other programs")
    parser.add_argument("--sdk", action="store_true", help="ingest: batches to /v1/batch as Segment's SDKs send, too")
    parser.add_argument("--minutes", type=float, default=10.0, help="soak: how long (%(default)s)")
    parser.add_argument(
        "--keep", type=Path, help="dashboard, page: where their store is made, or was (a temporary directory)"
    )
    parser.add_argument("--out", type=Path, default=Path("var/benchmarks"), help="where the JSON goes (%(default)s)")
    options = parser.parse_args()
    if unknown := set(options.which) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brokerlytics.settings")
    with tempfile.TemporaryDirectory(prefix="brokerlytics-bench-") as directory:
        os.environ["DATA_DIR"] = directory
        django.setup()
        build(print)
        measure(options, Path(directory))


def measure(options: argparse.Namespace, directory: Path) -> None:
    # Django's settings have to be there before these are imported.
    from benchmarks import dashboard, feeder, index, ingest, latency, page, simulate, soak
    from benchmarks.cluster import local_cluster
    from benchmarks.report import publish

    def path(name: str) -> Path:
        return Path(options.out) / f"{name}.json"

    benchmarks: dict[str, Callable[[], None]] = {
        "feeder": lambda: publish(
            feeder.measure(options.runs, directory, options.events, alone=options.alone), path("feeder")
        ),
        "latency": lambda: publish(latency.measure(options.runs, directory), path("latency")),
        "ingest": lambda: publish(ingest.measure(options.runs, directory, sdk=options.sdk), path("ingest")),
        "simulate": lambda: publish(simulate.measure(options.runs, directory, options.events), path("simulate")),
        "dashboard": lambda: dashboard.publish(
            dashboard.measure(options.keep or directory, options.events, alone=options.alone), path("dashboard")
        ),
        "page": lambda: page.publish(page.measure(options.keep or directory, directory, options.events), path("page")),
        "index": lambda: index.publish(index.measure(options.runs, directory, options.events), path("index")),
        "soak": lambda: soak.publish(soak.measure(options.minutes, directory), path("soak")),
    }
    with local_cluster(directory):
        for name in options.which or [name for name in NAMES if name not in ONLY_IF_NAMED]:
            print(f"Measuring: {name}", file=sys.stderr)
            benchmarks[name]()


if __name__ == "__main__":
    main()
