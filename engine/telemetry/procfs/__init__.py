"""Readers of Linux's procfs and sysfs, one file for each resource; bytes are parsed here, by nobody else."""
