"""Stock of a small workshop: parts, where they lie, and what has to be ordered."""

import csv
import logging
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

logger = logging.getLogger(__name__)


@dataclass
class Part:
    """One kind of part."""

    number: str
    name: str
    price: float
    minimum: int = 0
    tags: list[str] = field(default_factory=list)

    def matches(self, text: str) -> bool:
        """Whether a search for ``text`` finds this part."""
        text = text.lower()
        return text in self.name.lower() or any(text in tag for tag in self.tags)


class Inventory:
    """How many of each part lie on which shelf."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = {part.number: part for part in parts}
        self.shelves: dict[str, dict[str, int]] = defaultdict(dict)

    def add(self, shelf: str, number: str, count: int) -> None:
        """Put ``count`` pieces on a shelf."""
        if number not in self.parts:
            raise KeyError(f"unknown part {number}")
        current = self.shelves[shelf].get(number, 0)
        self.shelves[shelf][number] = current + count
        logger.info("added %d of %s to %s", count, number, shelf)

    def remove(self, shelf: str, number: str, count: int) -> None:
        """Take ``count`` pieces from a shelf."""
        if number not in self.parts:
            raise KeyError(f"unknown part {number}")
        current = self.shelves[shelf].get(number, 0)
        if current < count:
            raise ValueError(f"only {current} of {number} on {shelf}")
        self.shelves[shelf][number] = current - count
        logger.info("removed %d of %s from %s", count, number, shelf)

    def total(self, number: str) -> int:
        """Pieces of one part on all shelves."""
        return sum(shelf.get(number, 0) for shelf in self.shelves.values())

    def value(self) -> float:
        """What the whole stock is worth."""
        return sum(part.price * self.total(part.number) for part in self.parts.values())

    def to_order(self) -> dict[str, int]:
        """Parts that have fallen below their minimum, and how many are missing."""
        missing = {}
        for number, part in self.parts.items():
            count = self.total(number)
            if count < part.minimum:
                missing[number] = part.minimum - count
        return missing


def read_parts(path: Path) -> list[Part]:
    """Read parts from a CSV file with a header line."""
    parts = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            tags = row["tags"].split() if row["tags"] else []
            parts.append(Part(row["number"], row["name"], float(row["price"]), int(row["minimum"]), tags))
    return parts


def write_parts(path: Path, parts: list[Part]) -> None:
    """Write parts to a CSV file with a header line."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "name", "price", "minimum", "tags"])
        for part in parts:
            writer.writerow([part.number, part.name, part.price, part.minimum, " ".join(part.tags)])
