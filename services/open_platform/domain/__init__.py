"""Rules of keys, policies and pages: pure."""
