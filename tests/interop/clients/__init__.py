"""Clients that others wrote, and what makes them do what a test wants."""
