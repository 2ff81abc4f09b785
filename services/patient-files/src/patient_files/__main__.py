"""`python -m patient_files web | worker | migrate | config`."""

from jalsa.cli import main

if __name__ == "__main__":
    main("patient_files")
