"""Coverage-guided fuzzing, run by hand: it finds what nobody thought of."""
