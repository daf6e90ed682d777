"""What can go wrong with definitions in the catalogue, each said so that the reader knows what to do."""

from __future__ import annotations

from collections.abc import Sequence

from statewright.machine.problem import Problem


class CatalogError(Exception):
    """Something asked of the catalogue cannot be done; the message is for whoever asked."""


class InvalidDefinition(CatalogError):
    """The document cannot be registered (malformed) or not be activated (errors); `problems` holds all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        faults = [problem for problem in problems if problem.severity != "warning"]
        first = f": {faults[0].sentence}" if faults else ""
        super().__init__(f"the definition has {len(faults)} problem{'' if len(faults) == 1 else 's'} to mend{first}")
        self.problems = list(problems)


class UnknownType(CatalogError):
    """No definition of this type was ever registered."""

    def __init__(self, type: str) -> None:
        super().__init__(f"no definition of {type!r} is registered; register one first")
        self.type = type


class UnknownRevision(CatalogError):
    """The type has no such revision; `revision` is None where its active one was asked for and there is none."""

    def __init__(self, type: str, revision: int | None) -> None:
        if revision is None:
            super().__init__(f"no revision of {type} is active; activate one, or ask for one by its number")
        else:
            super().__init__(f"{type} has no revision {revision}")
        self.type = type
        self.revision = revision


class WrongStatus(CatalogError):
    """What was asked fits only revisions of another status."""

    def __init__(self, type: str, revision: int, status: str, wanted: str) -> None:
        super().__init__(f"revision {revision} of {type} is {status}; only a revision that is {wanted} allows this")
        self.type = type
        self.revision = revision
        self.status = status
        self.wanted = wanted


class TooManyDefinitions(CatalogError):
    """A limit on how many types or revisions the catalogue holds is reached."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"the catalogue holds {limit:,} {what}, which is as many as it takes; delete drafts first")
        self.limit = limit


class DraftThere(CatalogError):
    """A draft of this type is being edited already."""

    def __init__(self, type: str) -> None:
        super().__init__(f"a draft of {type!r} is there already; open it, or choose another name")
        self.type = type


class TooManyDrafts(CatalogError):
    """As many drafts are being edited as the catalogue holds."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the catalogue holds {limit:,} drafts, which is as many as it takes; discard some first")
