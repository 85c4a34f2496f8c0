"""Whether the recommended checkpoint of a tracked training transfers better than the last one."""
