"""What belongs to one notebook each: the small network to 02, truncation and the plane of projection to 03, tasks,
initialisation, Jacobians, cliff, small cells and memory to 04.  Not part of the reading path."""
