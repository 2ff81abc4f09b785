"""The rules of files in the field's own words. No I/O."""


def sub_file_number(main_file: str, clinic_code: str, running: int) -> str:
    """`FILE-2026-000001-OT-01`; the running number is the main file's, over all its clinics."""
    return f"{main_file}-{clinic_code}-{running:02d}"
