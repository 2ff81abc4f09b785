"""Events: written with the transaction, published in order, consumed in order, compared with their source."""
