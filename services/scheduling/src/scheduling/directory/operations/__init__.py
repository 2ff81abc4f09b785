"""Operations on the set-up, and on the projections of other services' data."""
