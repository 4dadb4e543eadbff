"""The pure core of Lockstep (see docs)."""
