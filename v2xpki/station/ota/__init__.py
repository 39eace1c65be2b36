"""A vehicle's side of firmware delivery (Uptane): Primary, Secondaries, what they keep, registration."""
