"""Tests of txmultipart.body: one module for each of its modules, and the way there and back."""
