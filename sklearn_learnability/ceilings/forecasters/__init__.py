"""Forecasters of a sequence of labels: each predicts every label from what came before it."""
