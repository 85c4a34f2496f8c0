"""The phases of a network while it trains, and when to stop."""
