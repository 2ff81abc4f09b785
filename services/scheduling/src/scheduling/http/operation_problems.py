"""The problem codes of each operation, by its operationId, in addition to those of every operation of its kind.

The service's tests fail if an operation answers with a code that is missing here.
"""

_STATE = ("invalid-transition",)
_PLACEMENT = ("provider-busy", "room-busy", "outside-working-hours", "unknown-zone")
_DAYS = ("unknown-zone",)
#: Problems of a spot in an existing session, for a patient to whom it may be offered.
_SPOT = ("session-full", "already-enrolled", "patient-busy", "offer-expired", "unknown-patient")
_PACKAGE = ("package-conflicts", "package-paused", "patient-busy", "already-enrolled", *_STATE)

OPERATION_PROBLEMS: dict[str, tuple[str, ...]] = {
    "create_clinic": ("code-taken",),
    "update_clinic": ("code-taken",),
    "create_room": ("name-taken",),
    "update_room": ("name-taken",),
    "create_provider": ("user-taken",),
    "update_provider": ("user-taken",),
    "create_service_type": ("code-taken",),
    "add_closure": ("already-closed", *_DAYS),
    "apply_to_time_off": ("absence-conflicts", *_DAYS),
    "apply_to_closure": ("absence-conflicts", *_DAYS),
    "report_utilisation": _DAYS,
    "report_no_shows": _DAYS,
    "report_capacity": _DAYS,
    "report_lead_time": _DAYS,
    "report_packages": _DAYS,
    "list_sessions": _DAYS,
    "list_available_sessions": _DAYS,
    "list_appointments": _DAYS,
    "create_session": _PLACEMENT,
    "update_session": ("capacity-below-participants", "series-conflicts", *_STATE),
    "reschedule_session": (*_PLACEMENT, "patient-busy", "series-conflicts", "change-of-places", *_STATE),
    "start_session": _STATE,
    "complete_session": _STATE,
    "undo_session": ("undo-refused", "unknown-patient", *_STATE),
    "cancel_session": ("series-conflicts", *_STATE),
    "decide_session": ("merge-refused", "outside-working-hours", *_STATE),
    "book_participant": (*_SPOT, "outside-working-hours", *_STATE),
    "book_appointment": (*_PLACEMENT, "patient-busy", "unknown-patient"),
    "confirm_participant": _STATE,
    "cancel_participant": _STATE,
    "reschedule_participant": (*_SPOT, *_PLACEMENT, *_STATE),
    "check_in_participant": ("check-in-blocked", *_SPOT, *_STATE),
    "attend_participant": _STATE,
    "miss_participant": _STATE,
    "undo_participant": (*_SPOT, *_STATE),
    "plan_series": _DAYS,
    "create_series": ("series-conflicts", *_DAYS),
    "join_series": ("already-enrolled", "series-conflicts", "unknown-patient"),
    "leave_series": _STATE,
    "plan_package": ("unknown-patient", *_DAYS),
    "create_package": ("package-conflicts", *_PLACEMENT, "patient-busy", "unknown-patient"),
    "schedule_package": _PACKAGE,
    "reschedule_package_session": (*_PLACEMENT, *_SPOT, "package-paused", *_STATE),
    "schedule_package_session": (*_PLACEMENT, "patient-busy", "already-enrolled", "package-paused", *_STATE),
    "cancel_package_session": ("package-paused", *_STATE),
    "shift_package": _PACKAGE,
    "substitute_provider": _PACKAGE,
    "cancel_package": _STATE,
    "pause_package": ("package-paused", *_STATE),
    "resume_package": ("package-conflicts", *_STATE),
    "add_entry": ("already-waiting", "already-enrolled", "places-available", "unknown-patient", *_STATE),
    "update_entry": ("already-waiting", *_STATE),
    "accept_offer": (*_SPOT, "outside-working-hours", *_STATE),
    "decline_offer": ("offer-expired", *_STATE),
    "cancel_entry": _STATE,
}
