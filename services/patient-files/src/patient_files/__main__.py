"""`python -m patient_files web | worker | migrate | config | check-references | backfill`."""

from jalsa.cli import main
from patient_files.tools import COMMANDS

if __name__ == "__main__":
    main("patient_files", *COMMANDS)
