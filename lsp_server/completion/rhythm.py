"""stub"""


class Rhythm:
    """stub"""

    def key(self, now: float) -> None:
        """stub"""

    def answered(self, ms: float) -> None:
        """stub"""

    def pause(self) -> float:
        """stub"""
        return 0.0
