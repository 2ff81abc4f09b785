"""Operations on packages themselves. None of them commits."""
