"""The program: an inbox for uploads, and a sender."""
