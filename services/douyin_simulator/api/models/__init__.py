"""What the controls take."""
