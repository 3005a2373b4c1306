"""Pictures by link: resumable, bounded, verified, and never from an address that is not public."""
