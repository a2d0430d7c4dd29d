"""Groups as the bits of an integer: bit ``i`` is group ``i``. No function here walks over groups.

Numbers of groups come from users and may be far greater than any bit that is set, so that no mask is ever wider than
the bits that it is for.
"""


def below(bits: int, end: int) -> int:
    """The bits of the groups with an index below ``end``."""
    return bits if end >= bits.bit_length() else bits & ((1 << max(0, end)) - 1)


def count_below(bits: int, end: int) -> int:
    """How many groups below ``end`` have their bit set."""
    return below(bits, end).bit_count()


def last_below(bits: int, end: int) -> int:
    """The highest index below ``end`` whose bit is set; -1 if there is none."""
    return below(bits, end).bit_length() - 1


def last_missing_below(bits: int, end: int) -> int:
    """The highest index below ``end`` whose bit is not set; -1 if there is none."""
    if end > bits.bit_length():
        return end - 1
    return below(~bits & ((1 << max(0, end)) - 1), end).bit_length() - 1


def end_with(bits: int, count: int) -> int:
    """The smallest end below which ``count`` bits are set (all of them, if there are fewer): a binary search."""
    low, high = 0, bits.bit_length()
    while low < high:
        middle = (low + high) // 2
        if count_below(bits, middle) >= count:
            high = middle
        else:
            low = middle + 1
    return low


def first_indices(bits: int, *, most: int) -> list[int]:
    """The lowest indices whose bits are set, at most ``most`` of them."""
    found: list[int] = []
    while bits and len(found) < most:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return found
