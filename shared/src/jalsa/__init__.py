"""The mechanisms that the services of Jalsa share: no domain noun, no event class."""

#: The version of the whole product. It is written here and nowhere else.
VERSION = "0.1.0"
