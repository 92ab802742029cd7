"""Compiled inner loops on bare arrays. They know neither the nouns nor any error type."""
