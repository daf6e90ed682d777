"""The modeler: outline, diagram and inspector as three views of one draft on the server."""
