"""What lies on the disk, and whose it is.

``private`` are files that are ours alone, ``sqlite`` such files with tables, and ``trusted`` says who else could write
a file. Knows nothing of what is in them. Whoever asks says which error of its own is to be raised.
"""
