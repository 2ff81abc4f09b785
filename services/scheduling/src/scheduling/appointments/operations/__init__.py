"""Operations on sessions and on the appointments in them. None of them commits."""
