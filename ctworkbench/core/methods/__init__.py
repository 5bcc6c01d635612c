"""Honest methods: reporting checklists filled from a study, and warnings of what went wrong in published work."""
