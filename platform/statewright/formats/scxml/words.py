"""Names that reading and writing SCXML share."""

from __future__ import annotations

SCXML = "http://www.w3.org/2005/07/scxml"
OURS = "urn:statewright:scxml:1"
"""The namespace of what only our language has. Its element `keys` holds JSON, to be laid over what stands around it."""

KEY = f"{{{OURS}}}key"
"""A state's name, where its id says another."""
AFTER = f"{{{OURS}}}after"
"""On a transition: it is one of `after`, under this key."""
EVENT = f"{{{OURS}}}event"
"""On a transition: the descriptor, where it holds what would end it in SCXML."""
ADDED = f"{{{OURS}}}added"
"""On an element: it is there for other tools only, and says what is said elsewhere."""
ROOT = f"{{{OURS}}}root"
"""On a state: it is the definition itself, whose transitions SCXML has no place for."""
EMIT = "urn:statewright:emit"
"""The type of a `send` that is an `emit` of ours."""
PROCESSOR = "http://www.w3.org/TR/scxml/#SCXMLEventProcessor"
KINDS = ("state", "parallel", "final", "history")
START = "start"
"""The state that stands for an `initial` which does more than name a child."""
