"""The yardstick of the access log: patient files as they are, which store no row of what they show."""

import os
import sys

from sqlalchemy.orm import Session

from jalsa.cli import main
from jalsa.db import access_log
from jalsa.db.transactions import commit


def _store_nothing(db: Session, *_: object) -> int:
    commit(db)
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", "")
    sys.argv = ["patient_files", "web"]
    setattr(access_log, "store_and_commit", _store_nothing)  # noqa: B010 (the type checker holds it to what it is)
    main("patient_files")
