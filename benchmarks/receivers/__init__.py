"""Servers that write an uploaded file to disk, one program each, to be compared."""
