"""Estimators that compete: preparation is part of each, so that nothing is learned outside the training fold."""
