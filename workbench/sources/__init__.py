"""The shelf of price sources: one per file, found by name.

A source names its instruments and gives their closed bars for a stretch of time. It keeps nothing: what it gave is
recorded by the actions, once, as it was seen.
"""

from typing import TYPE_CHECKING, ClassVar

from workbench.domain.bars import parse_timeframe
from workbench.domain.instruments import Instrument
from workbench.shelf import Shelf

if TYPE_CHECKING:
    from workbench.engine.series import BarSeries


class Source:
    """The port of a price source.

    Attributes
    ----------
    title
        What a person calls it.
    chain_id
        The chain that its tokens live on; 0 for none.
    is_live
        Whether it goes on giving bars by itself; a file does not, it is imported as a dataset.
    """

    title: ClassVar[str]
    chain_id: ClassVar[int] = 0
    is_live: ClassVar[bool] = True

    def instruments(self) -> tuple[Instrument, ...]:
        """Return what it has prices of, in the order in which they are shown."""
        raise NotImplementedError

    def check_timeframe(self, timeframe: str) -> None:
        """Refuse a timeframe of which it has no bars, or not soon enough for a session.

        Raises
        ------
        Invalid
            Saying which ones there are.
        """
        parse_timeframe(timeframe)

    def bars(self, instrument: Instrument, timeframe: str, start: int, end: int) -> "BarSeries":
        """Return the bars of an instrument with `start <= ts < end` (milliseconds UTC), oldest first.

        The caller asks only for bars that have closed.

        Raises
        ------
        NotFound
            If the source does not know the instrument.
        SourceUnavailable
            If the prices cannot be had just now.
        """
        raise NotImplementedError


shelf: Shelf[Source] = Shelf("workbench.sources", Source, "source")
