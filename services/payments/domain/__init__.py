"""The rules about money that has arrived: pure, synchronous, in decimals."""
