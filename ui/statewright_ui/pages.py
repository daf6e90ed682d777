"""All pages put together: what `app` mounts beside the API."""

from __future__ import annotations

from litestar import Response, Router

from statewright_ui.assets import static_file
from statewright_ui.bulk.routes import bulk
from statewright_ui.changes.routes import changes
from statewright_ui.definition.routes import definitions
from statewright_ui.entities.routes import entities
from statewright_ui.entity.routes import entity
from statewright_ui.metrics.routes import metrics
from statewright_ui.modeler.beginning import beginning
from statewright_ui.modeler.routes import modeler
from statewright_ui.needs import AskedFor, Needs
from statewright_ui.overview.routes import overview
from statewright_ui.refusals.routes import refusals
from statewright_ui.related.routes import related
from statewright_ui.saved.routes import saved
from statewright_ui.shell.errors import error_page
from statewright_ui.shell.routes import shell
from statewright_ui.simulator.routes import simulator
from statewright_ui.system.routes import system


def pages(needs: Needs) -> Router:
    """The router of every page, with the errors of pages as pages."""
    return Router(
        path="/",
        route_handlers=[
            overview(needs),
            *definitions(needs),
            *changes(needs),
            *simulator(needs),
            *beginning(needs),
            *modeler(needs),
            *entities(needs),
            *saved(needs),
            *bulk(needs),
            *entity(needs),
            *metrics(needs),
            related(needs),
            refusals(needs),
            *system(needs),
            *shell(needs),
            static_file,
        ],
        exception_handlers={Exception: error_page},
        include_in_schema=False,
    )


def no_such_page(request: AskedFor, error: Exception) -> Response[str]:
    """What `app` answers for an address outside the API that no handler has."""
    return error_page(request, error)
