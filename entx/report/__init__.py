"""What people look at: pages with everything that was read on them."""
