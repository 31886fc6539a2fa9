"""Tests of txmultipart: one module for each module, and some for the whole."""
