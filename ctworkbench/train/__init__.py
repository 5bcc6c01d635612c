"""Training, prediction and evaluation of networks. Imports neither Qt nor the database."""
