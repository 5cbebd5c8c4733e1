"""What does it mean? Live windows and anomalies; the planner's questions."""
