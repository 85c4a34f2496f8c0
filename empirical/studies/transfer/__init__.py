"""Compares the transfer of the recommended checkpoint of a tracked training with that of the last one."""
