"""SCXML (W3C Recommendation of 2015), read and written."""
