"""Patient files: who the patients are, and the part of their record that belongs to each clinic."""
