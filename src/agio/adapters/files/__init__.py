"""Folders and files on this machine."""
