"""Whole numbers of small steps, written as decimals with every place that the maker prints."""


def decimal(steps: int, places: int) -> str:
    """Return steps / 10**places with all its places: decimal(-5, 2) is "-0.05".

    Nothing is rounded, and no float is involved. places is 0 or more.
    """
    if not places:
        return str(steps)
    digits = str(abs(steps))
    if len(digits) <= places:
        digits = digits.zfill(places + 1)
    sign = "-" if steps < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def steps_of(value: int, step: int) -> int:
    """Return how many steps a whole number has, rounded to the nearest, halves upwards."""
    return (2 * value + step) // (2 * step)
