"""Pictures by link: resumable, bounded, verified, and never from an address that is not public.

guard  which addresses may be connected to, and connections to a checked address that end at a deadline
fetch  one link -> the bytes of one verified picture
job    a table's links -> files in a folder, and a list of failures
"""
