"""HTTP in: Douyin's own paths at the root, the tests' controls under `/_simulator/`."""
