"""What every training over ranks needs: files, checkpoints, plans of rows, progress, Horovod."""
