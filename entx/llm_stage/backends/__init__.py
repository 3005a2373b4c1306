"""What runs a text model: one adapter file each, behind `TextModel`."""
