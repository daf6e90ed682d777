"""What a new revision changes: differences, the recorded history tried on it, and activation."""
