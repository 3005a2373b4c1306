"""What made the things that ship: invented pages, drawings, and the programs around them. Not in the wheel."""
