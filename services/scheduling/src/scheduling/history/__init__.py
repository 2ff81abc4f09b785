"""The history of a record: what was changed, by whom and when."""
