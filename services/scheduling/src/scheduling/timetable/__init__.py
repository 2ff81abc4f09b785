"""The timetable: what occupies providers, rooms and patients, what conflicts with it, and what is still free.

Each rule is written once. For stored sessions and absences it is a function of the database (`occupancy`,
`closures_over` and `spots_of` in `migrations/versions/0012_timetable.sql`). For planned sessions it is in the class
`Occupancy`. Booking, availability, planning, proposals and series all use the modules of this package.
"""
