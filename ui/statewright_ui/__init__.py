"""The pages for people: HTML made here, live by htmx and one stream per page, readable without either."""

from __future__ import annotations

from statewright_ui.needs import Needs
from statewright_ui.pages import no_such_page, pages

__all__ = ["Needs", "no_such_page", "pages"]
