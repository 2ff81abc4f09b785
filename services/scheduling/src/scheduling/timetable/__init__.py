"""The timetable: what takes up providers, rooms and patients, what conflicts with it, and what is still free.

Each rule stands once. What is stored is asked of the database's functions `occupancy`, `closures_over` and `spots_of`
(`migrations/versions/0012_timetable.sql`), what is only planned of `Occupancy`. Booking, availability, planning,
proposals and series ask the modules of this package.
"""
