"""What entx knows of each family of vision-language models: one adapter file each, behind `Family`."""
