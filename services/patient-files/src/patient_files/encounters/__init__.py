"""Encounters: opened by hand or by an arrival, closed, corrected, signed off; every other system may refer to them."""
