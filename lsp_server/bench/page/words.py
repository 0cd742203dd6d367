"""Numbers as people read them. The space before a unit does not break."""

#: Where there is no number.
NONE = "-"

_SPACE = "\N{NO-BREAK SPACE}"


def count(number: float) -> str:
    """A whole number with its thousands set apart."""
    return f"{number:,.0f}"


def many(number: int, noun: str) -> str:
    """So many of something."""
    return f"{count(number)} {noun if number == 1 else noun + 's'}"


def percent(share: float | None) -> str:
    """A share; a dash where there is none. What is not nothing and not all never looks like it."""
    if share is None:
        return NONE
    if 0 < share < 0.01:
        return f"<{_SPACE}1{_SPACE}%"
    if 0.99 < share < 1:
        return f">{_SPACE}99{_SPACE}%"
    return f"{100 * share:.0f}{_SPACE}%"


def milliseconds(number: float | None) -> str:
    """A short time, with two digits that count; a dash where there is none."""
    if number is None:
        return NONE
    if number >= 999.5:
        return f"{number / 1_000:.1f}{_SPACE}s" if number < 9_950 else f"{number / 1_000:,.0f}{_SPACE}s"
    return f"{number:.1f}{_SPACE}ms" if number < 9.95 and number % 1 else f"{number:.0f}{_SPACE}ms"


def seconds(number: float) -> str:
    """A time that may be long."""
    if number < 0.05:
        return f"0{_SPACE}s"
    if number < 99.5:
        return f"{number:.1f}{_SPACE}s" if number < 9.95 else f"{number:.0f}{_SPACE}s"
    minutes = round(number / 60)
    if minutes < 100:
        return f"{minutes}{_SPACE}min"
    return f"{number / 3_600:.1f}{_SPACE}h" if number < 99.5 * 3_600 else f"{number / 3_600:,.0f}{_SPACE}h"


def in_seconds(number: float | None) -> str:
    """A time in seconds, however long it is: to be compared with others."""
    return NONE if number is None else f"{amount(number)}{_SPACE}s"


def amount(number: float | None) -> str:
    """So many of something, on average, with two digits that count."""
    return NONE if number is None else f"{number:.1f}" if 0 < number < 9.95 else count(number)


def difference(number: float) -> str:
    """How much more or less, as a whole number with its sign."""
    whole = round(number)
    return f"{whole:+,d}".replace("-", "\N{MINUS SIGN}") if whole else "\N{PLUS-MINUS SIGN}0"
