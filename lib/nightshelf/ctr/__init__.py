"""The ranking model: networks, their training over ranks, checkpoints and calibration."""
