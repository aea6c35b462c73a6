"""Tests of validation.milrun."""
