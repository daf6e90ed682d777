"""The picture of a definition: laid out by Graphviz in a process of its own, painted by us as one SVG.

A layout depends on the definition alone. Counts, heat, the current state and the path walked are painted over it.
"""

from statewright.diagram.marks import Walk, state_id
from statewright.diagram.svg import svg_now, svg_of

__all__ = ["Walk", "state_id", "svg_now", "svg_of"]
