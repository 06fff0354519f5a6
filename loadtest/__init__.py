"""Measures the service: from outside, over HTTP, and beside the same models called directly."""
