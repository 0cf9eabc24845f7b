"""What the open platform does, one function a verb."""
