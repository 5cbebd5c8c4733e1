"""Who is asking, and in what shape? HTTP, live feed, console."""
