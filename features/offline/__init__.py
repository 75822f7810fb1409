"""Feast's offline store over Delta: label rows in, features as they were known out."""
