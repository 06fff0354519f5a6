"""Measures the service over HTTP, and compares it with the same models called directly."""
