"""Clients that upload a file as a form, one program each, to be compared.

Each is run as ``program KIND URL FILE CA`` and prints seconds and CPU seconds of the
upload, which a small one on the same connection has preceded, and the bytes that the
server says it got; 0 where it answers with something else.
"""
