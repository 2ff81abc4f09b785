"""The yardstick of the access log: patient files as they are, which store no row of what they show."""

import os
import sys

from jalsa.cli import main
from jalsa.db import access_log


def _store_nothing(*_: object) -> int:
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", "")
    sys.argv = ["patient_files", "web"]
    setattr(access_log, "store", _store_nothing)  # noqa: B010 (the type checker holds it to what it is)
    main("patient_files")
