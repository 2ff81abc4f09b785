"""The rules of patients in the field's own words. No I/O."""
