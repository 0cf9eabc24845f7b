"""The one error of the embedded launcher: a sentence for the person at the terminal."""

CONFIGURATION_ERROR = 78
"""Exit code (sysexits' EX_CONFIG) that says: starting me again changes nothing."""


class CannotStart(Exception):
    """Embedded mode cannot go on; the message is one sentence that names the culprit."""

    def __init__(self, sentence: str, *, exit_code: int = 1) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code
