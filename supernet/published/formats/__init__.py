"""Containers that several tables come in."""
