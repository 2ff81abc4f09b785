"""What holds where a tenant has set no rules of its own."""

#: An appointment makes its provider a treating one from so many days before it begins until so many days after.
DEFAULTS = {"treating_days_after": 90, "treating_days_before": 30}
MAX_DAYS = 3650
