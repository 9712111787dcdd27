"""`python -m benchmarks [feeder] [ingest]`: runs them on a local Kafka of their own, prints tables, writes JSON."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import django


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("which", nargs="*", metavar="feeder|ingest", help="default: both")
    parser.add_argument("--runs", type=int, default=3, help="the median of so many is shown (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("var/benchmarks"), help="where the JSON goes (%(default)s)")
    options = parser.parse_args()
    if unknown := set(options.which) - {"feeder", "ingest"}:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brokerlytics.settings")
    with tempfile.TemporaryDirectory(prefix="brokerlytics-bench-") as directory:
        os.environ["DATA_DIR"] = directory
        django.setup()
        # Django's settings have to be there before these are imported.
        from benchmarks import feeder, ingest
        from benchmarks.cluster import local_cluster
        from benchmarks.report import publish

        modules = {"feeder": feeder, "ingest": ingest}
        with local_cluster(Path(directory)):
            for name in options.which or modules:
                print(f"Measuring: {name}", file=sys.stderr)
                publish(modules[name].measure(options.runs, Path(directory)), options.out / f"{name}.json")


if __name__ == "__main__":
    main()
