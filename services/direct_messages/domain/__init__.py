"""The rules of conversations: pure functions and frozen values."""
