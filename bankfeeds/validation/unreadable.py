"""What a customer's file can be like that we do not understand."""


class Unreadable(ValueError):
    """One cell cannot be understood; the message is the reason, without the cell's row."""


class NotUnderstood(Exception):
    """The file cannot be compared as it is. ``field`` is the choice a person can make about it, or empty."""

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field
