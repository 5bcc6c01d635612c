"""The program without a window: domain, store, jobs and science. Imports neither Qt nor torch."""
