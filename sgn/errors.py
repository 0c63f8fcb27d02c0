"""What a step raises when nobody erred. Level 0: imports nothing."""


class NotApplicableError(Exception):
    """The step makes no sense on this dataset (a Transformer where there is no text), here or anywhere."""
