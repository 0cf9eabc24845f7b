"""One file per sending service; the sender owns it."""
