"""What can be done to the pretend platform, one function a verb."""
