"""Load on loopback, bounded: `make bench`."""
