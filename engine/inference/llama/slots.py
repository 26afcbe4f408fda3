"""Slots: the sequences of a context, and what each still knows of the text it held last."""

from __future__ import annotations

from engine.inference.llama.context import Context

WORTH_SHARING = 16
"""Tokens: less is read again as fast as it is shared."""


class Slot:
    """One sequence. ``tokens`` are exactly those whose keys and values the context holds for it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.tokens: list[int] = []
        self.taken = False
        self.used = 0
        """When it was taken last, in turns."""


class Slots:
    """Gives out the slot that spares most reading."""

    def __init__(self, context: Context, count: int, *, rewindable: bool) -> None:
        self._context = context
        self.rewindable = rewindable
        """Whether a sequence can be cut, and so shared in part."""
        self.all = [Slot(number) for number in range(count)]
        self._turn = 0

    def free(self) -> int:
        """How many slots nobody holds."""
        return sum(not slot.taken for slot in self.all)

    def take(self, tokens: list[int]) -> Slot:
        """Take a free slot for ``tokens``; afterwards it holds the longest beginning of them that could be kept.

        The last token is never among those kept, for its successor is wanted.
        """
        idle = [slot for slot in self.all if not slot.taken]
        slot = max(idle, key=lambda each: (self._kept(each, tokens), -each.used))
        if 2 * self._kept(slot, tokens) < len(slot.tokens):  # it knows much else that may be wanted again
            slot = min(idle, key=lambda each: each.used)
        donor = max(self.all, key=lambda each: common(each.tokens, tokens))
        shared = min(common(donor.tokens, tokens), len(tokens) - 1)
        if self.rewindable and donor is not slot and shared >= self._kept(slot, tokens) + WORTH_SHARING:
            self.share(donor, slot, shared)
        self.rewind(slot, min(common(slot.tokens, tokens), len(tokens) - 1))
        self._turn += 1
        slot.used, slot.taken = self._turn, True
        return slot

    def share(self, donor: Slot, slot: Slot, count: int) -> None:
        """Let ``slot`` hold the first ``count`` tokens of ``donor`` and nothing else."""
        self.empty(slot)
        self._context.share(donor.number, slot.number, count)
        slot.tokens = donor.tokens[:count]

    def _kept(self, slot: Slot, tokens: list[int]) -> int:
        """How many of ``tokens`` need not be read again in ``slot``."""
        count = min(common(slot.tokens, tokens), len(tokens) - 1)
        return count if self.rewindable or count == len(slot.tokens) else 0

    def rewind(self, slot: Slot, count: int) -> None:
        """Keep the first ``count`` tokens of ``slot``, or none where its model cannot go back."""
        if count < len(slot.tokens) and not (count and self._context.forget(slot.number, count)):
            self.empty(slot)
        del slot.tokens[count:]

    def empty(self, slot: Slot) -> None:
        """Forget all that ``slot`` holds."""
        self._context.forget(slot.number)
        slot.tokens.clear()

    def release(self, slot: Slot) -> None:
        """Give a slot back; its tokens stay until somebody needs the room."""
        slot.taken = False

    def make_room(self) -> bool:
        """Empty the free slot that was used longest ago; false if none holds anything."""
        holding = [slot for slot in self.all if not slot.taken and slot.tokens]
        if not holding:
            return False
        self.empty(min(holding, key=lambda each: each.used))
        return True


def common(one: list[int], other: list[int]) -> int:
    """Length of the common beginning."""
    count = min(len(one), len(other))
    if one[:count] == other[:count]:  # compared by the interpreter, a hundred times as fast
        return count
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
