"""How the sessions of a package are placed, and the reasons why one cannot be."""
