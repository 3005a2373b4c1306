"""What runs a vision-language model: one adapter file each, behind `PictureModel`."""
