"""What belongs to one notebook: the small network to 02; tasks, initialisation, Jacobians, cliff and memory to 04."""
