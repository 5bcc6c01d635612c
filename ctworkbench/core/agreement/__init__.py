"""Whether readers agree: on verdicts and grades, and on the label maps that they drew."""
