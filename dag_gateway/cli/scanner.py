"""Reading a text piece by piece, with backslash escapes."""


class Scanner:
    """A text and how far it is read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.text)

    def until(self, stops: str) -> tuple[str, str]:
        r"""The text up to one of ``stops``, and that stop (empty at the end); ``\`` takes the next character as is."""
        taken: list[str] = []
        while not self.at_end:
            character = self._next()
            if character in stops:
                return "".join(taken), character
            taken.append(self._next() if character == "\\" else character)
        return "".join(taken), ""

    def skip(self, character: str) -> bool:
        """Whether ``character`` came next; then it is read."""
        if not self.text.startswith(character, self.position):
            return False
        self.position += 1
        return True

    def skip_spaces(self) -> None:
        while not self.at_end and self.text[self.position].isspace():
            self.position += 1

    def _next(self) -> str:
        """One character; empty at the end."""
        self.position += 1
        return self.text[self.position - 1 : self.position]
