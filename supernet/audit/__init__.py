"""Whether results are what their records say, and where each came from: statuses, explanations, archives."""
