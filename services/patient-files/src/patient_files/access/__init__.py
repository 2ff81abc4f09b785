"""Who may read what is not for everybody: by a relation to the patient, or under a break-glass grant."""
