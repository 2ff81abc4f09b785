"""What was changed in a record, by whom and when."""
