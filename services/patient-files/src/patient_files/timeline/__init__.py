"""The timeline: what happened to a patient, of which each reader sees some classes of entries."""
