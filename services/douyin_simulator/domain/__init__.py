"""The platform's rules: pure functions of what they are given. Time comes in as milliseconds."""
