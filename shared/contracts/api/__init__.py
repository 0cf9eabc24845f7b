"""Models of internal APIs that one service may ask of another."""
