"""Operations that offer spots that become free, and that take them."""
