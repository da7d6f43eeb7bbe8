"""A module that another function's module imports."""

WORD = "next door"
