"""What the small functions find in their layer."""

BOOK = "from the layer"
