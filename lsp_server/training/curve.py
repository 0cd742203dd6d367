"""Loss and validation over the tokens seen, as data and as a picture. Does not know what was trained."""

from pathlib import Path

import msgspec

_WIDTH, _HEIGHT, _MARGIN = 640, 320, 44


class Point(msgspec.Struct, frozen=True):
    """One moment.

    Attributes:
        tokens, seconds: of training so far.
        rate: share of the full learning rates.
        loss: of the steps lately, in nats per token, as it is trained.
        validation: nats per token on held-out packages, or ``None`` where it was not measured.
    """

    tokens: int
    seconds: float
    rate: float
    loss: float
    validation: float | None = None


class Points:
    """The curve so far."""

    def __init__(self, points: list[Point] | None = None) -> None:
        self._points = points or []

    @classmethod
    def read(cls, folder: Path, tokens: int) -> "Points":
        """What ``write`` wrote, up to a number of tokens; nothing if it is not there."""
        try:
            points = msgspec.json.decode((folder / "curve.json").read_bytes(), type=list[Point])
        except (OSError, msgspec.DecodeError):
            return cls()
        return cls([point for point in points if point.tokens <= tokens])

    def add(self, point: Point) -> None:
        """One more, in place of one at the same number of tokens."""
        if self._points and self._points[-1].tokens == point.tokens:
            self._points.pop()
        self._points.append(point)

    def write(self, folder: Path) -> None:
        """Keep it as ``curve.json`` and ``curve.svg``."""
        lines = b",\n".join(msgspec.json.encode(point) for point in self._points)
        (folder / "curve.json").write_bytes(b"[\n" + lines + b"\n]\n")
        (folder / "curve.svg").write_text(picture(self._points), encoding="utf-8")


def picture(points: list[Point]) -> str:
    """An SVG of both losses over the tokens."""
    held = [(point.tokens, point.validation) for point in points if point.validation is not None]
    trained = [(point.tokens, point.loss) for point in points]
    values = [value for _, value in (*held, *trained)] or [0.0]
    low, high = int(min(values)), int(max(values)) + 1
    last = max((point.tokens for point in points), default=0) or 1

    def at(tokens: int, value: float) -> str:
        x = _MARGIN + (_WIDTH - 2 * _MARGIN) * tokens / last
        y = _MARGIN + (_HEIGHT - 2 * _MARGIN) * (high - value) / (high - low)
        return f"{x:.1f},{y:.1f}"

    def line(series: list[tuple[int, float]], colour: str) -> str:
        path = " ".join(at(*each) for each in series)
        return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'

    def text(x: float, y: float, what: str, colour: str = "#555") -> str:
        return f'<text x="{x:.0f}" y="{y:.0f}" fill="{colour}">{what}</text>'

    marks = [text(8, float(at(0, value).split(",")[1]) + 4, str(value)) for value in range(low, high + 1)]
    body = [
        *marks,
        text(_MARGIN, _HEIGHT - 14, "0"),
        text(_WIDTH - _MARGIN - 60, _HEIGHT - 14, f"{last / 1e6:.1f} M tokens"),
        text(_MARGIN, 22, "nats per token: "),
        text(_MARGIN + 120, 22, "training", "#4477aa"),
        text(_MARGIN + 190, 22, "held-out packages", "#cc6677"),
        line(trained, "#4477aa"),
        line(held, "#cc6677"),
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="12">'
    )
    return "\n".join((head, f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>', *body, "</svg>\n"))
