"""Who is speaking, and may I say that I heard? Brokers, sessions, acknowledgement."""
