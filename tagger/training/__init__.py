"""Training: batches, fit, resume, best epoch, calibration, bundle."""
