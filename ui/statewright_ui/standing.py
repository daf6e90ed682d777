"""How far the views are behind the log, as the pages that show views say it."""

from __future__ import annotations

from msgspec import Struct

from statewright.views import Standing, with_lag
from statewright_ui.needs import Needs, ask


class Behind(Struct, frozen=True):
    """Every consolidator's standing, and how many transitions the slowest is behind."""

    standings: list[Standing]

    @property
    def lag(self) -> int:
        """Transitions between the log's end and the view that is furthest from it."""
        return max((standing.lag or 0 for standing in self.standings), default=0)


async def behind(needs: Needs) -> Behind:
    """Where the consolidators are now."""
    return Behind(await with_lag(await ask(needs.views.standing), needs.store))
