"""The read side: records, and what is counted of them; a module for each subject."""
