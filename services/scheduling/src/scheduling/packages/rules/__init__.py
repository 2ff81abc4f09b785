"""The rules for placing the sessions of a package, and the reasons why one cannot be placed."""
