"""stub"""

from typing import Any, Literal

Level = Literal["off", "low", "normal", "eager"]


class Manners:
    """stub"""

    def __init__(self, config: Any) -> None:
        self.config = config
        self.why = ""

    def level(self) -> Level:
        """stub"""
        return "normal"

    def spent(self, seconds: float) -> None:
        """stub"""

    def status(self) -> dict[str, Any]:
        """stub"""
        return {}
